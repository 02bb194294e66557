/* test_copies.c - files whose bytes are those of another one, or of its beginning, and that are no
 * copies: what was seen at the path is none, and the beginning of a line tells nothing. */
#include "tail/fixture.h"

static const uint64_t never_ns = 3600ULL * 1000 * 1000 * 1000;

/* A file that was read and renamed, and stays open. */
static struct server follow_renamed(struct hark_loop *loop, const char *text)
{
    append_file("f", text);
    struct server server = server_open(loop, "f", NULL, never_ns);
    wait_until_read(&server, 1);
    rename_file("f", "f.2");
    wait_for_state(&server, "waiting for the file");
    return server;
}

/* The file at the path is open, and nothing is in it. */
static struct server follow_renamed_and_empty(struct hark_loop *loop, const char *text)
{
    struct server server = follow_renamed(loop, text);
    append_file("f", "");
    wait_until_read(&server, 1);
    return server;
}

/* All names are looked at before the first line of a file is published: f.1 holds a part of a line
 * then, which is the beginning of f.2, too. */
BACKEND_TEST(beginning_of_a_line_is_no_copy_of_another_file)
{
    struct server server = follow_renamed_and_empty(loop, "line 0\n");
    append_file("f", "line");
    wait_until_at_rest(&server);
    rename_file("f", "f.1");
    append_file("f", "line 1\n");
    wait_until_read(&server, 2);
    append_file("f.1", " 2\n");
    wait_until_read(&server, 3);
    CLOSE_WITH(&server, "line 0", "line 1", "line 2");
}

/* The same of a file that nobody has seen at the path. */
BACKEND_TEST(beginning_of_a_line_in_a_file_that_came_unseen_is_no_copy)
{
    struct server server = follow_renamed(loop, "line 0\n");
    server_close(&server);
    append_file("f", "line");
    rename_file("f", "f.1");
    append_file("f", "line 1\n");
    server = server_open(loop, "f", NULL, never_ns);
    wait_until_read(&server, 2);
    append_file("f.1", " 2\n");
    wait_until_read(&server, 3);
    CLOSE_WITH(&server, "line 0", "line 1", "line 2");
}

/* A copy that ends in the middle of its only line is one: that is decided once nobody writes to it
 * any more. */
BACKEND_TEST(copy_of_the_beginning_of_a_line_is_none_that_is_read)
{
    append_file("f", "line 0\n");
    struct server server = server_open(loop, "f", NULL, soon_ns);
    wait_until_read(&server, 1);
    append_file("f.1", "line");
    server_close(&server);
    append_file("f", "line 1\n");
    server = server_open(loop, "f", NULL, soon_ns);
    wait_until_read(&server, 2);
    while (!reported("f.1"))
        harness_turns(loop, 1);
    CLOSE_WITH(&server, "line 0", "line 1");
}

/* Many logs begin with the same line. */
BACKEND_TEST(file_that_stood_at_the_path_and_begins_as_another_is_no_copy)
{
    struct server server = follow_renamed_and_empty(loop, "head\n");
    append_file("f", "head\n");
    rename_file("f", "f.1");
    append_file("f", "one\n");
    wait_until_read(&server, 3);
    append_file("f.1", "two\n");
    wait_until_read(&server, 4);
    CLOSE_WITH(&server, "head", "head", "one", "two");
}

BACKEND_TEST(file_that_stood_at_the_path_before_the_end_is_no_copy_at_the_start)
{
    struct server server = follow_renamed_and_empty(loop, "head\n");
    server_close(&server);
    append_file("f", "head\n");
    rename_file("f", "f.1");
    append_file("f", "one\n");
    server = server_open(loop, "f", NULL, never_ns);
    wait_until_read(&server, 3);
    append_file("f.1", "two\n");
    wait_until_read(&server, 4);
    CLOSE_WITH(&server, "head", "head", "one", "two");
}

/* It is the one file that was cut while nobody looked, and renamed after that. */
BACKEND_TEST(file_that_was_cut_and_begins_as_another_is_no_copy_at_the_start)
{
    struct server server = follow_renamed(loop, "head\n");
    append_file("f", "one\n");
    wait_until_read(&server, 2);
    server_close(&server);
    cut_file("f");
    append_file("f", "head\n");
    rename_file("f", "f.1");
    append_file("f", "two\n");
    server = server_open(loop, "f", NULL, never_ns);
    wait_until_read(&server, 4);
    CLOSE_WITH(&server, "head", "one", "head", "two");
}

/* --- a file that was cut, and more files behind it than may be open --- */

/* It was read on to its end when the process ends, and some behind it were not even opened. Nothing
 * but the places tells the next start that its place from before the cut is of no use any more. */
BACKEND_TEST(file_that_was_cut_unseen_is_read_once_before_more_than_may_be_open)
{
    enum { FILES = 12 };
    char name[8];
    append_file("f", "0\n");
    struct server server = server_open(loop, "f", NULL, never_ns);
    wait_until_read(&server, 1);
    server_close(&server);
    copy_file("f", "f.13");
    cut_file("f");
    for (unsigned i = 1; i < FILES; i++) {
        append_numbers("f", i, i + 1);
        snprintf(name, sizeof name, "f.%u", FILES - i);
        rename_file("f", name);
    }
    append_numbers("f", FILES, FILES + 1);
    for (int turns = 1;; turns++) {
        server = server_open(loop, "f", NULL, never_ns);
        harness_turns(loop, turns);
        bool all = find(server.log, stream_name)->count > FILES;
        if (all)
            assert_numbers(&server, FILES + 1);
        server_close(&server);
        if (all)
            return;
    }
}

/* A file that was known, and its copy from before it was cut, written last in the same moment: the
 * number tells that the copy goes first. The process may end when both are open, and the file has
 * not got its place behind the copy yet. */
BACKEND_TEST(file_goes_behind_its_copy_however_often_the_process_ends)
{
    const struct timespec moment[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1700000000}};
    append_file("f", "");
    struct server server = server_open(loop, "f", NULL, never_ns);
    wait_for_state(&server, "following");
    server_close(&server);
    append_file("f", "0\n");
    copy_file("f", "f.2");
    cut_file("f");
    append_file("f", "1\n");
    rename_file("f", "f.1");
    assert_int_equal(utimensat(AT_FDCWD, harness_path("f.1"), moment, 0), 0);
    assert_int_equal(utimensat(AT_FDCWD, harness_path("f.2"), moment, 0), 0);
    append_file("f", "2\n");
    for (int turns = 1;; turns++) {
        server = server_open(loop, "f", NULL, never_ns);
        harness_turns(loop, turns);
        const struct log_stream *stream = find(server.log, stream_name);
        bool all = stream && stream->count > 2;
        if (all)
            assert_numbers(&server, 3);
        server_close(&server);
        if (all)
            return;
    }
}
