/* test_pattern.c - files that match a pattern: that are there, that come, and the names that
 * rotation gives. */
#include "tail/fixture.h"
#include "wire/name.h"

static void count_view(void *context, const struct tail_view *view)
{
    (void)view;
    ++*(size_t *)context;
}

/* How many files are followed. */
static size_t followed(const struct server *server)
{
    size_t count = 0;
    tail_each(server->tail, count_view, &count);
    return count;
}

BACKEND_TEST(files_that_are_there_and_files_that_come_are_followed)
{
    append_file("a.log", "one\n");
    append_file("b.txt", "no\n");
    append_file(".hidden.log", "no\n");
    make_directory("directory.log");
    struct server server = server_open(loop, "*.log", NULL, 0);
    wait_for_count(&server, 1);
    append_file("b.log", "two\n");
    wait_for_count(&server, 2);
    append_file("c.tmp", "three\n");
    rename_file("c.tmp", "c.log");
    wait_for_count(&server, 3);
    append_file("a.log", "four\n");
    wait_for_count(&server, 4);
    append_file("b.log", "five\n");
    wait_for_count(&server, 5);
    ASSERT_LINES(&server, "one", "two", "three", "four", "five");
    assert_int_equal(followed(&server), 3);
    server_close(&server);
}

BACKEND_TEST(name_in_the_stream_stands_for_the_file)
{
    append_file("a.log", "one\n");
    append_file("b c.log", "two\n");
    struct server server = server_open_into(loop, "*.log", "x-{name}.y", NULL, 0);
    wait_for_count_in(&server, "x-a.log.y", 1);
    wait_for_count_in(&server, "x-b_c.log.y", 1);
    append_file("d.log", "three\n");
    wait_for_count_in(&server, "x-d.log.y", 1);
    ASSERT_LINES_IN(&server, "x-a.log.y", "one");
    ASSERT_LINES_IN(&server, "x-b_c.log.y", "two");
    ASSERT_LINES_IN(&server, "x-d.log.y", "three");
    server_close(&server);
}

BACKEND_TEST(each_file_goes_on_at_its_place_after_a_restart)
{
    append_file("a.log", "a1\n");
    append_file("b.log", "b1\n");
    struct server server = server_open_into(loop, "*.log", "{name}", NULL, 0);
    wait_for_count_in(&server, "a.log", 1);
    wait_for_count_in(&server, "b.log", 1);
    server_close(&server);
    append_file("a.log", "a2\n");
    append_file("b.log", "b2\n");
    append_file("c.log", "c1\n");
    server = server_open_into(loop, "*.log", "{name}", NULL, 0);
    wait_for_count_in(&server, "a.log", 2);
    wait_for_count_in(&server, "b.log", 2);
    wait_for_count_in(&server, "c.log", 1);
    ASSERT_LINES_IN(&server, "a.log", "a1", "a2");
    ASSERT_LINES_IN(&server, "b.log", "b1", "b2");
    ASSERT_LINES_IN(&server, "c.log", "c1");
    server_close(&server);
}

/* Files that share a stream, one of which comes only once others have published. */
BACKEND_TEST(files_of_one_stream_keep_their_places)
{
    append_numbers("a.log", 0, 600);
    append_numbers("b.log", 0, 600);
    struct server server = server_open(loop, "*.log", NULL, 0);
    wait_for_count(&server, 1200);
    server_close(&server);
    rename_file("b.log", "away");
    append_file("a.log", "600\n");
    server = server_open(loop, "*.log", NULL, 0);
    wait_for_count(&server, 1201);
    append_file("away", "600\n");
    rename_file("away", "b.log");
    wait_for_count(&server, 1202);
    append_file("c.log", "last\n");
    wait_for_count(&server, 1203);
    const struct log_stream *stream = find(server.log, stream_name);
    assert_int_equal(stream->count, 1203);
    server_close(&server);
}

BACKEND_TEST(rotated_names_that_match_are_no_files_of_their_own)
{
    append_file("app.log", "one\n");
    append_file("app.log.1", "older\n");
    struct server server = server_open(loop, "app.log*", NULL, 0);
    wait_for_count(&server, 1);
    rename_file("app.log", "app.log.2");
    append_file("app.log", "two\n");
    wait_for_count(&server, 2);
    rename_file("app.log", "app.log.3");
    assert_int_equal(unlink(harness_path("app.log.1")),
                     0); /* it may be of the tick of the first look, and so be read */
    server_close(&server);
    /* Its own name is not there at the start: the place that is kept tells whose file it is. */
    append_file("app.log.3", "three\n");
    server = server_open(loop, "app.log*", NULL, 0);
    wait_for_count(&server, 3);
    append_file("app.log", "four\n");
    wait_for_count(&server, 4);
    ASSERT_LINES(&server, "one", "two", "three", "four");
    assert_int_equal(followed(&server), 1);
    server_close(&server);
}

/* It was there first; then came one whose rotated file it may be by its name. */
BACKEND_TEST(file_that_was_followed_by_its_own_name_stays_one)
{
    append_file("app.log.1", "one\n");
    struct server server = server_open(loop, "app.log*", NULL, 0);
    wait_for_count(&server, 1);
    append_file("app.log", "two\n");
    wait_for_count(&server, 2);
    server_close(&server);
    append_file("app.log.1", "three\n");
    server = server_open(loop, "app.log*", NULL, 0);
    wait_for_count(&server, 3);
    ASSERT_LINES(&server, "one", "two", "three");
    assert_int_equal(followed(&server), 2);
    server_close(&server);
}

BACKEND_TEST(file_renamed_to_another_name_that_matches_is_read_once_and_told)
{
    append_file("a.log", "one\n");
    struct server server = server_open(loop, "*.log", NULL, 0);
    wait_until_read(&server, 1);
    rename_file("a.log", "other.log");
    wait_for_state(&server, "stopped: another file by a new name");
    append_file("other.log", "two\n");
    wait_for_count(&server, 2);
    append_file("a.log", "three\n");
    wait_for_count(&server, 3);
    ASSERT_LINES(&server, "one", "two", "three");
    assert_true(reported("it is the file that was"));
    server_close(&server);
}

BACKEND_TEST(directory_that_comes_later_is_looked_through)
{
    struct server server = server_open(loop, "sub/*.log", NULL, 0);
    harness_turns(loop, 20);
    make_directory("sub");
    append_file("sub/a.log", "one\n");
    wait_for_count(&server, 1);
    append_file("sub/b.log", "two\n");
    CLOSE_WITH(&server, "one", "two");
}

BACKEND_TEST(link_beside_its_file_is_no_second_file)
{
    append_file("real.log", "one\n");
    assert_int_equal(symlink("real.log", harness_path("latest.log")), 0);
    struct server server = server_open(loop, "*.log", NULL, 0);
    wait_for_count(&server, 1);
    append_file("z.log", "two\n");
    wait_for_count(&server, 2);
    ASSERT_LINES(&server, "one", "two");
    assert_int_equal(followed(&server), 2);
    server_close(&server);
}

/* As `ln -s` leaves it where a pattern of the shell has matched nothing. */
BACKEND_TEST(link_that_is_named_as_the_pattern_itself_hides_no_file)
{
    assert_int_equal(symlink("nowhere/at-all", harness_path("*.log")), 0);
    append_file("a.log", "one\n");
    struct server server = server_open(loop, "*.log", NULL, 0);
    wait_for_count(&server, 1);
    append_file("b.log", "two\n");
    CLOSE_WITH(&server, "one", "two");
}

BACKEND_TEST(more_files_than_the_bound_are_told_once)
{
    char name[32];
    for (int i = 0; i < TAIL_PATTERN_FILES_MAX + 2; i++) {
        snprintf(name, sizeof name, "%c%d.log", 'a', i);
        append_file(name, "");
    }
    struct server server = server_open(loop, "*.log", NULL, 0);
    while (followed(&server) < TAIL_PATTERN_FILES_MAX)
        assert_int_equal(hark_run_once(loop), 1);
    assert_true(reported("matches more than 256 files"));
    assert_int_equal(followed(&server), TAIL_PATTERN_FILES_MAX);
    server_close(&server);
}

TEST(streams_of_patterns)
{
    assert_true(tail_is_pattern("/var/log/*.log"));
    assert_false(tail_is_pattern("/var/*/syslog"));
    assert_true(tail_pattern_stream_valid("logs"));
    assert_true(tail_pattern_stream_valid("{name}"));
    assert_true(tail_pattern_stream_valid("a-{name}.b"));
    assert_false(tail_pattern_stream_valid(""));
    assert_false(tail_pattern_stream_valid(".{name}"));
    assert_false(tail_pattern_stream_valid("{name}{name}"));
    assert_false(tail_pattern_stream_valid("{other}"));
    assert_true(tail_pattern_stream_valid("logs/{name}/lines"));
    assert_false(tail_pattern_stream_valid("logs/{name}/"));
    assert_false(tail_pattern_stream_valid("/{name}"));
}

TEST(stream_of_a_file_is_a_name_whatever_the_file_is_called)
{
    char stream[NAME_BYTES_MAX + 1], file[256];
    tail_pattern_stream_of("logs/{name}/lines", "a b.log", stream);
    assert_string_equal(stream, "logs/a_b.log/lines");
    tail_pattern_stream_of("logs/{name}", ".hidden", stream);
    assert_string_equal(stream, "logs/_hidden");
    tail_pattern_stream_of("{name}", "..", stream);
    assert_string_equal(stream, "_.");
    for (size_t count = 120; count < sizeof file; count++) { /* cut short before, at, behind a / */
        memset(file, 'f', count);
        file[count] = '\0';
        tail_pattern_stream_of("{name}/a/b", file, stream);
        assert_true(name_valid(stream, strlen(stream)));
    }
}
