/* test_missed.c - files that were rotated, copied, cut and removed while nobody could see it, and
 * files that are cut and grow again so that only their bytes tell. */
#include "tail/fixture.h"

/* Opens a server on a file and waits until so many lines are there. */
static struct server open_at(struct hark_loop *loop, const char *file, uint64_t count,
                             uint64_t let_go_ns)
{
    struct server server = server_open(loop, file, NULL, let_go_ns);
    if (count)
        wait_for_count(&server, count);
    wait_for_state(&server, "following");
    return server;
}

/* A file with one line is read, and left alone. */
static void follow_one_line(struct hark_loop *loop, const char *file)
{
    append_file(file, "one\n");
    struct server server = open_at(loop, file, 1, 0);
    server_close(&server);
}

/* As many starts as one likes change nothing. */
static void assert_for_good(struct hark_loop *loop, const char *file, const char *const *lines,
                            size_t count)
{
    for (int i = 0; i < 2; i++) {
        struct server server = open_at(loop, file, count, 0);
        assert_lines(&server, lines);
        server_close(&server);
    }
}

#define ASSERT_FOR_GOOD(file, count, ...)                                                          \
    assert_for_good(loop, (file), (const char *const[]){__VA_ARGS__, NULL}, (count))

BACKEND_TEST(file_without_a_line_is_known_after_a_restart)
{
    append_file("f", "");
    struct server server = open_at(loop, "f", 0, 0);
    server_close(&server);
    append_file("f", "one\n");
    rename_file("f", "f.1");
    append_file("f", "two\n");
    ASSERT_FOR_GOOD("f", 2, "one", "two");
}

/* A file that is read, one that nobody saw, and the one that is there now. */
static void rotate_under_names(struct hark_loop *loop, const char *older, const char *newer)
{
    follow_one_line(loop, "app.log");
    rename_file("app.log", older);
    append_file("app.log", "two\n");
    rename_file("app.log", newer);
    append_file("app.log", "three\n");
    ASSERT_FOR_GOOD("app.log", 3, "one", "two", "three");
}

BACKEND_TEST(file_is_found_under_a_number)
{
    rotate_under_names(loop, "app.log.2", "app.log.1");
}

BACKEND_TEST(file_is_found_under_a_word)
{
    rotate_under_names(loop, "app.log.old2", "app.log.old");
}

BACKEND_TEST(file_is_found_under_a_number_before_its_ending)
{
    rotate_under_names(loop, "app-2.log", "app-1.log");
}

BACKEND_TEST(file_is_found_under_a_date)
{
    rotate_under_names(loop, "app.log-20261125", "app.log-20261126");
}

BACKEND_TEST(file_is_found_under_a_time)
{
    rotate_under_names(loop, "app-2026-11-26T09-00-00.000.log", "app-2026-11-26T10-00-00.000.log");
}

/* Nothing but the numbers tells which of them is older. */
BACKEND_TEST(files_of_one_moment_are_read_by_their_numbers)
{
    follow_one_line(loop, "app.log");
    rename_file("app.log", "app.log.4");
    append_file("app.log.2", "three\n");
    append_file("app.log.3", "two\n");
    const struct timespec moment[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1700000000}};
    assert_int_equal(utimensat(AT_FDCWD, harness_path("app.log.2"), moment, 0), 0);
    assert_int_equal(utimensat(AT_FDCWD, harness_path("app.log.3"), moment, 0), 0);
    append_file("app.log", "four\n");
    ASSERT_FOR_GOOD("app.log", 4, "one", "two", "three", "four");
}

BACKEND_TEST(file_after_one_that_was_removed_is_read)
{
    follow_one_line(loop, "f");
    remove_file("f");
    append_file("f", "two\n");
    rename_file("f", "f.1");
    append_file("f", "three\n");
    struct server server = open_at(loop, "f", 3, 0);
    assert_true(reported("gone"));
    server_close(&server);
    ASSERT_FOR_GOOD("f", 3, "one", "two", "three");
}

BACKEND_TEST(copy_is_not_read_beside_the_renamed_file)
{
    follow_one_line(loop, "f");
    append_file("f", "two\n");
    copy_file("f", "f.1");
    rename_file("f", "f.2");
    append_file("f", "three\n");
    ASSERT_FOR_GOOD("f", 3, "one", "two", "three");
}

BACKEND_TEST(copy_is_not_read_beside_the_file_itself)
{
    follow_one_line(loop, "f");
    append_file("f", "two\n");
    copy_file("f", "f.1");
    append_file("f", "three\n");
    ASSERT_FOR_GOOD("f", 3, "one", "two", "three");
}

BACKEND_TEST(file_cut_while_stopped_goes_on_in_its_copy)
{
    follow_one_line(loop, "f");
    append_file("f", "two\n");
    copy_file("f", "f.1");
    cut_file("f");
    append_file("f", "three, which is longer than both\n");
    struct server server = open_at(loop, "f", 3, 0);
    assert_true(reported("by its bytes is a copy"));
    server_close(&server);
    ASSERT_FOR_GOOD("f", 3, "one", "two", "three, which is longer than both");
}

BACKEND_TEST(file_cut_while_followed_goes_on_in_its_copy)
{
    append_file("f", "one\n");
    struct server server = open_at(loop, "f", 1, 0);
    /* Before the loop turns again: what was not read yet is in the copy alone. */
    append_file("f", "two\n");
    copy_file("f", "f.1");
    cut_file("f");
    append_file("f", "three\n");
    wait_for_count(&server, 3);
    /* Once more, with names shifted. */
    append_file("f", "four\n");
    rename_file("f.1", "f.2");
    copy_file("f", "f.1");
    cut_file("f");
    append_file("f", "5\n");
    wait_until_read(&server, 5);
    ASSERT_LINES(&server, "one", "two", "three", "four", "5");
    server_close(&server);
    ASSERT_FOR_GOOD("f", 5, "one", "two", "three", "four", "5");
}

/* logrotate's copytruncate. */
static void copy_and_cut(void)
{
    if (access(harness_path("f.1"), F_OK) == 0)
        rename_file("f.1", "f.2");
    copy_file("f", "f.1");
    cut_file("f");
}

/* It stands at its beginning both times: nothing but the second copy tells. */
BACKEND_TEST(file_cut_again_before_anything_of_it_was_read_goes_on_in_both_copies)
{
    append_file("f", "one\n");
    struct server server = open_at(loop, "f", 1, 0);
    append_file("f", "two\n");
    copy_and_cut();
    wait_until_read(&server, 2);
    append_file("f", "three\n");
    copy_and_cut();
    append_file("f", "four\n");
    wait_until_read(&server, 4);
    ASSERT_LINES(&server, "one", "two", "three", "four");
    server_close(&server);
    ASSERT_FOR_GOOD("f", 4, "one", "two", "three", "four");
}

BACKEND_TEST(file_cut_twice_at_once_goes_on_in_both_copies)
{
    append_file("f", "one\n");
    struct server server = open_at(loop, "f", 1, 0);
    append_file("f", "two\n");
    copy_and_cut();
    append_file("f", "three\n");
    copy_and_cut();
    append_file("f", "four\n");
    wait_until_read(&server, 4);
    ASSERT_LINES(&server, "one", "two", "three", "four");
    server_close(&server);
    ASSERT_FOR_GOOD("f", 4, "one", "two", "three", "four");
}

/* The renamed file was cut before: what it holds comes after its copy. */
BACKEND_TEST(file_cut_and_then_renamed_is_read_behind_its_copy)
{
    append_file("f", "one\n");
    struct server server = open_at(loop, "f", 1, 0);
    append_file("f", "two\n");
    copy_and_cut();
    append_file("f", "three\n");
    rename_file("f.1", "f.2");
    rename_file("f", "f.1");
    append_file("f", "four\n");
    wait_until_read(&server, 4);
    ASSERT_LINES(&server, "one", "two", "three", "four");
    server_close(&server);
    ASSERT_FOR_GOOD("f", 4, "one", "two", "three", "four");
}

/* Copies of it were made while it grew: whichever of them is looked at first, the last has all. */
BACKEND_TEST(file_cut_while_stopped_goes_on_in_the_longest_of_its_copies)
{
    static const char *const copies[] = {"f.old", "f.5", "f.bak", "f.4", "f.3", "f.prev", "f.1"};
    const size_t count = sizeof copies / sizeof *copies;
    append_file("f", "0\n");
    struct server server = open_at(loop, "f", 1, 0);
    server_close(&server);
    for (size_t i = 0; i < count; i++) {
        copy_file("f", copies[i]);
        append_numbers("f", i + 1, i + 2);
    }
    copy_file("f", "f.2");
    cut_file("f");
    append_numbers("f", count + 1, count + 2);
    for (int i = 0; i < 2; i++) {
        server = open_at(loop, "f", count + 2, 0);
        assert_numbers(&server, count + 2);
        server_close(&server);
    }
}

/* It was cut twice, and begins with the same line each time: neither copy holds the other. */
BACKEND_TEST(file_cut_twice_while_stopped_is_read_in_both_copies_though_they_begin_alike)
{
    append_file("f", "head\n");
    struct server server = open_at(loop, "f", 1, 0);
    server_close(&server);
    append_file("f", "one\n");
    copy_file("f", "f.2");
    cut_file("f");
    append_file("f", "head\ntwo\nthree\n");
    copy_file("f", "f.1");
    cut_file("f");
    append_file("f", "four\n");
    server = open_at(loop, "f", 6, 0);
    ASSERT_LINES(&server, "head", "one", "head", "two", "three", "four");
    server_close(&server);
    ASSERT_FOR_GOOD("f", 6, "head", "one", "head", "two", "three", "four");
}

/* A file of rotation's names that is empty may be a copy that has just been begun. */
BACKEND_TEST(copy_that_is_being_written_is_not_read_beside_its_file)
{
    append_file("f", "one\n");
    struct server server = open_at(loop, "f", 1, 0);
    append_file("f.1", "");
    cut_file("f");
    wait_until_read(&server, 1);
    append_file("f", "two\n");
    wait_until_read(&server, 2);
    append_file("f.1", "two\n");
    wait_until_at_rest(&server);
    wait_for_state(&server, "following");
    cut_file("f");
    append_file("f", "three\n");
    wait_until_read(&server, 3);
    ASSERT_LINES(&server, "one", "two", "three");
    server_close(&server);
    ASSERT_FOR_GOOD("f", 3, "one", "two", "three");
}

/* A head of more than the first bytes that are compared, then a line. */
static void append_with_head(const char *name, const char *line)
{
    char head[602];
    memset(head, '#', 600);
    memcpy(head + 600, "\n", 2);
    append_file(name, head);
    append_file(name, line);
}

static void assert_events(struct server *server, const char *const *lines, size_t count)
{
    struct history history = read_from(server->loop, server->log, stream_name, LOG_START);
    assert_int_equal(history.count, count);
    for (size_t i = 0; i < count; i++)
        if (lines[i])
            assert_text(&history.seen[i], lines[i]);
    history_free(&history);
}

BACKEND_TEST(file_cut_and_begun_with_the_same_head_is_read_anew)
{
    append_with_head("f", "one\n");
    struct server server = open_at(loop, "f", 2, 0);
    cut_file("f");
    append_with_head("f", "two\n"); /* as long as before */
    wait_until_read(&server, 4);
    cut_file("f");
    append_with_head("f", "three, which is longer\n");
    wait_for_count(&server, 6);
    server_close(&server);
    cut_file("f");
    append_with_head("f", "four, which is as long\n");
    server = open_at(loop, "f", 8, 0);
    server_close(&server);
    remove_file("f");
    append_with_head("f", "five, which is as long, or longer\n");
    server = open_at(loop, "f", 10, 0);
    assert_events(&server,
                  (const char *const[]){NULL, "one", NULL, "two", NULL, "three, which is longer",
                                        NULL, "four, which is as long", NULL,
                                        "five, which is as long, or longer"},
                  10);
    server_close(&server);
}

BACKEND_TEST(file_cut_in_the_middle_of_a_line_is_read_anew)
{
    append_with_head("f", "one, without an e");
    struct server server = open_at(loop, "f", 1, 0);
    cut_file("f");
    append_with_head("f", "two, with more and an end\n");
    wait_for_count(&server, 3);
    assert_events(&server, (const char *const[]){NULL, NULL, "two, with more and an end"}, 3);
    server_close(&server);
}

BACKEND_TEST(packed_file_is_told_of)
{
    follow_one_line(loop, "f");
    append_file("f.2.gz", "packed");
    append_file("f", "two\n");
    struct server server = open_at(loop, "f", 2, 0);
    assert_true(reported("f.2.gz"));
    server_close(&server);
    ASSERT_FOR_GOOD("f", 2, "one", "two");
}

BACKEND_TEST(other_files_beside_it_are_left_alone)
{
    static const char *const others[] = {"app.log.lock",    "app-error.log", "app.log1",
                                         "application.log", "xapp.log.1",    "app.txt"};
    follow_one_line(loop, "app.log");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        append_file(others[i], "another\n");
    append_file("app.log", "two\n");
    ASSERT_FOR_GOOD("app.log", 2, "one", "two");
}

/* More events than inotify keeps. */
static void overflow(void)
{
    char text[32] = "";
    FILE *file = fopen("/proc/sys/fs/inotify/max_queued_events", "re");
    if (!file || !fgets(text, sizeof text, file) || atol(text) > 100000)
        harness_skip("the length of inotify's queue is not known, or too great");
    fclose(file);
    for (long i = 0; i < atol(text) / 2 + 16; i++) {
        append_file("noise", "");
        remove_file("noise");
    }
}

BACKEND_TEST(files_rotated_behind_an_overflow_are_read)
{
    append_file("f", "one\n");
    struct server server = open_at(loop, "f", 1, 0);
    overflow();
    append_file("f", "two\n");
    rename_file("f", "f.1");
    append_file("f", "three\n");
    rename_file("f.1", "f.2");
    rename_file("f", "f.1");
    append_file("f", "four\n");
    wait_until_read(&server, 4);
    ASSERT_LINES(&server, "one", "two", "three", "four");
    assert_true(reported("overflowed"));
    server_close(&server);
    ASSERT_FOR_GOOD("f", 4, "one", "two", "three", "four");
}

/* --- more files than may be open --- */

/* The oldest of as many files as may be open is cut in the moment in which another one comes, which
 * waits until it is let go. */
BACKEND_TEST(file_that_is_cut_while_another_waits_for_room_holds_nothing_up)
{
    enum { OPEN = 8 };
    char name[OPEN][8];
    struct server server = follow(loop, "0\n");
    wait_until_read(&server, 1);
    for (unsigned i = 1; i < OPEN; i++) {
        snprintf(name[i], sizeof name[i], "f.%u", OPEN - i);
        rename_file("f", name[i]);
        append_numbers("f", i, i + 1);
        wait_until_read(&server, i + 1);
    }
    cut_file(name[1]);
    append_file(name[1], "8\n");
    rename_file("f", "f.0");
    append_file("f", "9\n");
    wait_until_read(&server, OPEN + 2);
    assert_numbers(&server, OPEN + 2);
    server_close(&server);
}

/* --- two files that are cut --- */

/* Both are cut before the names are looked at: each goes on in its own copy. */
BACKEND_TEST(two_files_cut_at_once_go_on_in_both_copies)
{
    struct server server = follow(loop, "0\n");
    wait_until_read(&server, 1);
    rename_file("f", "f.1");
    append_file("f", "1\n");
    wait_until_read(&server, 2);
    append_file("f.1", "2\n");
    copy_file("f.1", "f.3");
    append_file("f", "3\n");
    copy_file("f", "f.2");
    cut_file("f.1");
    cut_file("f");
    append_file("f.1", "4\n");
    append_file("f", "5\n");
    wait_until_read(&server, 6);
    assert_numbers(&server, 6);
    server_close(&server);
}

/* --- a directory that is not there --- */

/* Starts, and waits until it is known that the directory is not there. */
static void start_without_directory(struct hark_loop *loop)
{
    struct server server = server_open(loop, "d/f", NULL, 0);
    wait_for_state(&server, "waiting for the file");
    ASSERT_LINES(&server, "one");
    server_close(&server);
}

/* As a disk that is mounted late. The directory above has a file whose name is a rotation's of the
 * missing directory, and is none of the file's. */
BACKEND_TEST(places_wait_for_a_directory_that_comes_after_the_start)
{
    make_directory("d");
    follow_one_line(loop, "d/f");
    rename_file("d", "away");
    append_file("d.1", "alien\n");
    start_without_directory(loop);
    start_without_directory(loop);
    append_file("away/f", "two\n");
    struct server server = server_open(loop, "d/f", NULL, 0);
    wait_for_state(&server, "waiting for the file");
    rename_file("away/f", "away/f.1");
    append_file("away/f", "three\n");
    rename_file("away", "d");
    wait_until_read(&server, 3);
    ASSERT_LINES(&server, "one", "two", "three");
    assert_false(reported("gone"));
    server_close(&server);
    ASSERT_FOR_GOOD("d/f", 3, "one", "two", "three");
}

/* What is open is read on while the directory is away; what was made in it is found in it. */
BACKEND_TEST(directory_that_goes_while_followed_comes_back)
{
    make_directory("d");
    append_file("d/f", "one\n");
    struct server server = open_at(loop, "d/f", 1, 0);
    append_file("d/f", "two\n");
    rename_file("d", "away");
    append_file("d.1", "alien\n");
    rename_file("away/f", "away/f.1");
    append_file("away/f", "three\n");
    wait_for_count(&server, 2);
    wait_for_state(&server, "waiting for the file");
    rename_file("away", "d");
    wait_until_read(&server, 3);
    ASSERT_LINES(&server, "one", "two", "three");
    server_close(&server);
}
