/* test_ticks.c - files are born by the ticks of the kernel's clock: which of one tick were there at
 * the first look, and are nobody's, and which came after it. */
#include "fault/faults.h"
#include "tail/fixture.h"
#include "tail/survey.h"

#include <time.h>

static int64_t birth_of(const char *name)
{
    int fd = open(harness_path(name), O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    int64_t born_ns = survey_birth(fd);
    close(fd);
    return born_ns;
}

/* From here on all looks are made in the tick in which a file was born. Other clocks go on, and are
 * ahead of what is born in that tick. */
static void look_in_the_tick_of(const char *name)
{
    int64_t born_ns = birth_of(name);
    if (born_ns == 0)
        harness_skip("the file system keeps no births");
    fault_clock_stands(CLOCK_REALTIME_COARSE, (uint64_t)born_ns);
    fault_clock_ahead(CLOCK_REALTIME, 3600 * INT64_C(1000000000));
}

/* Those of later looks are made long after it. */
static void look_later(void)
{
    fault_clock_stands(CLOCK_REALTIME_COARSE, 0);
    fault_clock_ahead(CLOCK_REALTIME_COARSE, 7200 * INT64_C(1000000000));
}

BACKEND_TEST(file_that_comes_in_the_tick_of_the_first_look_is_read)
{
    append_file("f", "");
    look_in_the_tick_of("f");
    struct server server = server_open(loop, "f", NULL, 0);
    wait_for_state(&server, "following");
    append_file("f.1", "one\n");
    server_close(&server);
    look_later();
    append_file("f", "two\n");
    EXPECT_AT_START(loop, "one", "two");
}

BACKEND_TEST(file_that_is_there_at_the_first_look_is_not_read_however_often_the_process_ends)
{
    append_file("f.1", "nobody's\n");
    append_file("f", "");
    look_in_the_tick_of("f.1");
    struct server server = server_open(loop, "f", NULL, 0);
    wait_for_state(&server, "following");
    server_close(&server);
    append_file("f", "one\n");
    EXPECT_AT_START(loop, "one");
    append_file("f", "two\n");
    EXPECT_AT_START(loop, "one", "two");
    append_file("f", "three\n");
    EXPECT_AT_START(loop, "one", "two", "three");
}

/* More than can be kept in mind: what comes then counts as having been there, for a tick. */
BACKEND_TEST(many_files_of_one_tick_are_not_read)
{
    char name[8];
    append_file("f.0", "nobody's\n");
    for (int i = 1; i < 20; i++) {
        snprintf(name, sizeof name, "f.%d", i);
        append_file(name, "nobody's\n");
    }
    append_file("f", "one\n");
    look_in_the_tick_of("f.0");
    EXPECT_AT_START(loop, "one");
    append_file("f", "two\n");
    EXPECT_AT_START(loop, "one", "two");
}

static bool present(int64_t since_ns, unsigned room, struct position_done *files, unsigned *count)
{
    char directory[4096];
    snprintf(directory, sizeof directory, "%s", harness_path("f"));
    *strrchr(directory, '/') = '\0';
    return survey_present(directory, "f", since_ns, files, room, count);
}

TEST(files_are_present_by_their_births_and_names)
{
    struct position_done files[2];
    unsigned count = 7;
    append_file("f", "");
    append_file("other", "");
    append_file("f.1", "");
    append_file("f.2", "");
    int64_t born_ns = birth_of("f.2");
    if (born_ns == 0)
        harness_skip("the file system keeps no births");
    assert_true(present(born_ns + 1, 2, files, &count));
    assert_int_equal(count, 0);
    assert_true(present(birth_of("f.1"), 2, files, &count));
    assert_int_equal(count, 2);
    assert_in_range(files[0].born_ns, birth_of("f.1"), born_ns);
    assert_false(present(birth_of("f.1"), 1, files, &count));
    assert_int_equal(count, 2);
}
