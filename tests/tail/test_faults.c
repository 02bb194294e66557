/* test_faults.c - a disk that fails for a moment, and what somebody has put where the place is kept. */
#include "fixture.h"

#include "../log/failing.h"

BACKEND_TEST(one_failed_sync_stops_no_tail)
{
    not_on_uring();
    append_file("f", "one\n");
    struct server server = server_open(loop, "f", NULL, 0);
    wait_for_count(&server, 1);
    wait_for_state(&server, "following");
    fail_call(SYS_fdatasync, descriptor_of(harness_path("data"), ".log"));
    append_file("f", "two\nthree\n");
    wait_for_count(&server, 3);
    append_file("f", "four\n");
    wait_for_count(&server, 4);
    assert_true(reported("trying again"));
    ASSERT_LINES(&server, "one", "two", "three", "four");
    server_close(&server);
    append_file("f", "five\n");
    server = server_open(loop, "f", NULL, 0);
    wait_for_count(&server, 5);
    ASSERT_LINES(&server, "one", "two", "three", "four", "five");
    server_close(&server);
}

/* Puts another file where the place is kept, by a link, and opens the tail. */
static void replace_place(struct hark_loop *loop, int (*put)(const char *target, const char *path))
{
    char names[4][64], place[4096], target[4096];
    size_t length;
    append_file("f", "one\n");
    append_file("precious", "precious");
    struct server server = server_open(loop, "f", NULL, 0);
    wait_for_count(&server, 1);
    server_close(&server);
    assert_int_equal(list_files(harness_path("data"), ".position", names, 4), 1);
    snprintf(place, sizeof place, "%s", inside(harness_path("data"), names[0]));
    snprintf(target, sizeof target, "%s", harness_path("precious"));
    assert_int_equal(unlink(place), 0);
    assert_int_equal(put(target, place), 0);
    append_file("f", "two\n");
    server = server_open(loop, "f", NULL, 0);
    wait_for_count(&server, 2);
    assert_true(reported("cannot keep its position"));
    ASSERT_LINES(&server, "one", "two");
    server_close(&server);
    unsigned char *bytes = load_file(target, &length);
    assert_int_equal(length, 8);
    assert_memory_equal(bytes, "precious", 8);
    free(bytes);
}

BACKEND_TEST(link_in_the_place_of_a_place_is_not_followed)
{
    replace_place(loop, symlink);
}

BACKEND_TEST(other_file_under_the_name_of_a_place_is_not_written_over)
{
    replace_place(loop, link);
}
