/* test_follow.c - a file that grows, is rotated, cut, removed and made anew, while it is
 * followed. */
#include "broker/broker.h"
#include "broker/fixture.h"
#include "fault/faults.h"
#include "tail/fixture.h"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>

BACKEND_TEST(line_appended_becomes_an_event)
{
    struct server server = follow(loop, "one\ntwo\n");
    append_file("f", "three\n\nfive\r\n");
    CLOSE_WITH(&server, "one", "two", "three", "", "five\r");
}

BACKEND_TEST(line_is_published_once_it_is_complete)
{
    struct server server = server_open(loop, "f", NULL, 0);
    append_file("f", "one\ntw");
    wait_until_read(&server, 1);
    append_file("f", "o");
    append_file("f", "\nthr");
    wait_for_count(&server, 2);
    append_file("f", "ee\n");
    CLOSE_WITH(&server, "one", "two", "three");
}

BACKEND_TEST(many_lines_keep_their_order)
{
    append_numbers("f", 0, 3000);
    struct server server = server_open(loop, "f", NULL, 0);
    wait_for_count(&server, 1);
    append_numbers("f", 3000, 6000);
    wait_for_count(&server, 6000);
    assert_numbers(&server, 6000);
    server_close(&server);
}

BACKEND_TEST(file_that_comes_later_is_read_from_its_beginning)
{
    struct server server = server_open(loop, "f", NULL, 0);
    wait_for_state(&server, "waiting for the file");
    append_file("f", "one\n");
    wait_for_count(&server, 1);
    append_file("f", "two\n");
    CLOSE_WITH(&server, "one", "two");
}

BACKEND_TEST(directory_that_comes_later_is_waited_for)
{
    struct server server = server_open(loop, "a/b/f", NULL, 0);
    wait_for_state(&server, "waiting for the file");
    make_directory("a");
    make_directory("a/b");
    append_file("a/b/f", "one\n");
    wait_for_count(&server, 1);
    /* The directory goes away with the file, and others come in its place. */
    rename_file("a", "gone");
    wait_for_state(&server, "waiting for the file");
    make_directory("a");
    make_directory("a/b");
    append_file("a/b/f", "two\n");
    CLOSE_WITH(&server, "one", "two");
}

BACKEND_TEST(renamed_file_is_finished_before_the_new_one)
{
    struct server server = follow(loop, "one\n");
    append_file("f", "two\n");
    rename_file("f", "f.1");
    append_file("f.1", "three\n");
    append_file("f", "four\n");
    CLOSE_WITH(&server, "one", "two", "three", "four");
}

BACKEND_TEST(renamed_file_is_followed_while_it_is_still_written)
{
    struct server server = follow(loop, "one\n");
    rename_file("f", "f.1");
    append_file("f", "two\n");
    wait_for_count(&server, 2);
    append_file("f.1", "late\n");
    wait_for_count(&server, 3);
    append_file("f", "three\n");
    CLOSE_WITH(&server, "one", "two", "late", "three");
}

BACKEND_TEST(many_rotations_lose_nothing)
{
    struct server server = server_open(loop, "f", NULL, soon_ns);
    for (size_t turn = 0; turn < 30; turn++) {
        char old[24];
        append_numbers("f", turn * 10, turn * 10 + 10);
        wait_for_count(&server, turn * 10 + 1);
        snprintf(old, sizeof old, "f.%zu", turn);
        rename_file("f", old);
    }
    wait_for_count(&server, 300);
    assert_numbers(&server, 300);
    server_close(&server);
}

/* Many files come and go before the loop runs again: only the last is at the path when it looks. */
static void assert_quick_rotations(struct server *server)
{
    for (size_t turn = 0; turn < 40; turn++) {
        char old[24];
        append_numbers("f", turn * 10, turn * 10 + 10);
        snprintf(old, sizeof old, "f.%zu", turn);
        rename_file("f", old);
    }
    append_numbers("f", 400, 410);
    wait_for_count(server, 410);
    assert_numbers(server, 410);
}

BACKEND_TEST(files_that_come_and_go_between_two_looks_are_read)
{
    struct server server = server_open(loop, "f", NULL, soon_ns);
    wait_for_state(&server, "waiting for the file");
    assert_quick_rotations(&server);
    server_close(&server);
}

/* Nor is anything missed that happens between the opening and the first look. */
BACKEND_TEST(files_that_come_and_go_before_the_first_look_are_read)
{
    struct server server = server_open(loop, "f", NULL, soon_ns);
    assert_quick_rotations(&server);
    server_close(&server);
}

/* Each old file is renamed again and again, as logrotate does. */
BACKEND_TEST(files_whose_numbers_are_shifted_are_read)
{
    struct server server = server_open(loop, "f", NULL, soon_ns);
    wait_for_state(&server, "waiting for the file");
    for (size_t turn = 0; turn < 12; turn++) {
        append_numbers("f", turn * 10, turn * 10 + 10);
        for (size_t number = turn; number-- > 0;) {
            char from[24], to[24];
            snprintf(from, sizeof from, "f.%zu", number);
            snprintf(to, sizeof to, "f.%zu", number + 1);
            rename_file(from, to);
        }
        rename_file("f", "f.0");
        if (turn % 3 == 0)
            harness_turns(loop, 1);
    }
    append_numbers("f", 120, 130);
    wait_for_count(&server, 130);
    assert_numbers(&server, 130);
    server_close(&server);
}

BACKEND_TEST(rest_of_a_renamed_file_is_published_when_it_is_let_go)
{
    append_file("f", "one\nno end");
    struct server server = server_open(loop, "f", NULL, soon_ns);
    wait_for_count(&server, 1);
    rename_file("f", "f.1");
    append_file("f", "two\n");
    wait_for_count(&server, 3);
    struct history history = read_from(loop, server.log, stream_name, LOG_START);
    assert_int_equal(history.count, 3);
    assert_text(&history.seen[0], "one");
    history_free(&history);
    server_close(&server);
    /* It is published for good: not once more after a restart. */
    server = server_open(loop, "f", NULL, soon_ns);
    append_file("f", "three\n");
    wait_for_count(&server, 4);
    history = read_from(loop, server.log, stream_name, LOG_START);
    assert_int_equal(history.count, 4);
    assert_text(&history.seen[3], "three");
    history_free(&history);
    server_close(&server);
}

BACKEND_TEST(renamed_files_are_let_go_each_in_its_time)
{
    const int64_t hour_ns = INT64_C(3600) * 1000 * 1000 * 1000;
    append_file("f", "one\nrest");
    struct server server = server_open(loop, "f", NULL, (uint64_t)hour_ns);
    wait_for_count(&server, 1);
    rename_file("f", "f.1");
    append_file("f", "two\n");
    wait_until_read(&server, 2);
    fault_clock_ahead(CLOCK_MONOTONIC, hour_ns * 2 / 3);
    rename_file("f", "f.2");
    append_file("f", "three\n");
    wait_until_read(&server, 3);
    fault_clock_ahead(CLOCK_MONOTONIC, hour_ns * 4 / 3);
    wait_for_count(&server, 4); /* the older one was let go */
    wait_for_state(&server, "following");
    append_file("f.2", "late\n");
    CLOSE_WITH(&server, "one", "two", "three", "rest", "late");
}

BACKEND_TEST(truncated_file_is_read_from_its_beginning)
{
    struct server server = follow(loop, "one\ntwo\n");
    cut_file("f");
    append_file("f", "3\n");
    wait_for_count(&server, 3);
    /* Cut again, and grown at once past the place that was reached: only the beginning tells. */
    cut_file("f");
    append_file("f", "four, longer than before\n");
    CLOSE_WITH(&server, "one", "two", "3", "four, longer than before");
}

/* What stands before the place is the same, and the file has grown: only the first bytes tell. */
BACKEND_TEST(file_of_which_the_beginning_was_written_anew_is_read_from_it)
{
    enum { BYTES = 600 };
    char first[BYTES + 1], changed[BYTES + 1];
    memset(first, 'x', BYTES);
    first[BYTES] = '\0';
    memcpy(changed, first, sizeof changed);
    changed[0] = 'y';
    append_file("f", first);
    struct server server = follow(loop, "\ntwo\n");
    wait_for_state(&server, "following");
    int fd = open(harness_path("f"), O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "y", 1, 0), 1);
    close(fd);
    append_file("f", "three\n");
    CLOSE_WITH(&server, first, "two", changed, "two", "three");
}

BACKEND_TEST(removed_file_is_waited_for_and_read_anew)
{
    struct server server = follow(loop, "one\n");
    append_file("f", "two\n");
    remove_file("f");
    wait_for_state(&server, "waiting for the file");
    append_file("f", "three\n");
    CLOSE_WITH(&server, "one", "two", "three");
}

BACKEND_TEST(symbolic_link_that_is_switched_leads_to_the_other_file)
{
    make_directory("monday");
    make_directory("tuesday");
    append_file("monday/f", "one\n");
    append_file("tuesday/f", "two\n");
    assert_int_equal(symlink("monday", harness_path("today")), 0);
    assert_int_equal(symlink("today/f", harness_path("link")), 0);
    struct server server = server_open(loop, "link", NULL, 0);
    wait_for_count(&server, 1);
    /* A directory's link, changed in one step as `ln -sfn` does. */
    assert_int_equal(symlink("tuesday", harness_path("new")), 0);
    rename_file("new", "today");
    wait_for_count(&server, 2);
    /* The file's own link. */
    append_file("three", "three\n");
    remove_file("link");
    assert_int_equal(symlink("three", harness_path("link")), 0);
    wait_for_count(&server, 3);
    /* One that is told from the root on. */
    append_file("four", "four\n");
    assert_int_equal(symlink(harness_path("four"), harness_path("new")), 0);
    rename_file("new", "link");
    CLOSE_WITH(&server, "one", "two", "three", "four");
}

BACKEND_TEST(long_line_comes_in_marked_parts)
{
    size_t length = 2 * (size_t)LOG_EVENT_BYTES_MAX + 12345;
    char *text = malloc(length + 2);
    assert_non_null(text);
    harness_fill(text, length, 5);
    for (size_t i = 0; i < length; i++)
        text[i] = (char)('a' + (unsigned char)text[i] % 26);
    memcpy(text + length, "\n", 2);
    struct server server = server_open(loop, "f", NULL, 0);
    append_file("f", "before\n");
    append_file("f", text);
    append_file("f", "after\n");
    wait_for_count(&server, 5);

    struct history history = read_from(loop, server.log, stream_name, LOG_START);
    size_t at = 0;
    assert_int_equal(history.count, 5);
    assert_text(&history.seen[0], "before");
    for (int part = 1; part <= 3; part++) {
        char mark[64];
        const struct seen *seen = &history.seen[part];
        int mark_length = snprintf(mark, sizeof mark, "{\"part\":%d,\"last\":%s}\n", part,
                                   part == 3 ? "true" : "false");
        assert_memory_equal(seen->bytes, mark, (size_t)mark_length);
        size_t bytes = seen->length - (size_t)mark_length;
        assert_true(at + bytes <= length);
        assert_memory_equal(seen->bytes + mark_length, text + at, bytes);
        at += bytes;
    }
    assert_int_equal(at, length);
    assert_text(&history.seen[4], "after");
    history_free(&history);
    server_close(&server);
    free(text);
}

/* A part gets its mark where it was read, in front of it. There is room for all
 * these lines once a long one was read. */
BACKEND_TEST(lines_between_two_long_ones_keep_their_bytes)
{
    enum { BETWEEN = 300, BYTES = 4000 };
    size_t length = (size_t)LOG_EVENT_BYTES_MAX + 12345;
    char *text = malloc(length + 1);
    assert_non_null(text);
    memset(text, 'x', length);
    text[length] = '\0';
    FILE *file = fopen(harness_path("f"), "we");
    assert_non_null(file);
    fprintf(file, "%s\n", text);
    for (int i = 0; i < BETWEEN; i++)
        fprintf(file, "%0*d\n", BYTES, i);
    fprintf(file, "%s\n", text);
    assert_int_equal(fclose(file), 0);
    struct server server = server_open(loop, "f", NULL, 0);
    wait_for_count(&server, BETWEEN + 4);
    struct history history = read_from(loop, server.log, stream_name, LOG_START);
    assert_int_equal(history.count, BETWEEN + 4);
    for (int i = 0; i < BETWEEN; i++) {
        char line[BYTES + 1];
        snprintf(line, sizeof line, "%0*d", BYTES, i);
        assert_text(&history.seen[2 + i], line);
    }
    history_free(&history);
    server_close(&server);
    free(text);
}

BACKEND_TEST(file_cut_within_a_long_line_begins_with_a_whole_one)
{
    size_t length = (size_t)LOG_EVENT_BYTES_MAX + 12345;
    char *text = malloc(length + 1);
    assert_non_null(text);
    memset(text, 'x', length);
    text[length] = '\0';
    append_file("f", text);
    struct server server = server_open(loop, "f", NULL, 0);
    wait_until_read(&server, 1);
    cut_file("f");
    append_file("f", "short\n");
    wait_for_count(&server, 2);
    struct history history = read_from(loop, server.log, stream_name, LOG_START);
    assert_int_equal(history.count, 2);
    assert_text(&history.seen[1], "short");
    history_free(&history);
    server_close(&server);
    free(text);
}

/* Whoever cannot open it is told when its mode changes. */
BACKEND_TEST(file_that_may_not_be_read_is_read_once_it_may)
{
    enum { NOBODY = 65534 };
    append_file("f", "one\n");
    assert_int_equal(chmod(harness_path("f"), 0), 0);
    if (geteuid() == 0) { /* who may read anything */
        assert_int_equal(chown(harness_path("f"), NOBODY, NOBODY), 0);
        assert_int_equal(chown(harness_path("."), NOBODY, NOBODY), 0);
        assert_int_equal(seteuid(NOBODY), 0);
    }
    struct server server = server_open(loop, "f", NULL, 0);
    wait_for_state(&server, "waiting for the file");
    assert_int_equal(chmod(harness_path("f"), 0600), 0);
    CLOSE_WITH(&server, "one");
    assert_int_equal(seteuid(getuid()), 0);
    assert_int_equal(
        prctl(PR_SET_DUMPABLE, 1),
        0); /* which a change of user takes away: the leak sanitizer looks into the process */
}

BACKEND_TEST(files_in_one_directory_are_told_apart)
{
    append_file("a", "a1\n");
    append_file("b", "b1\n");
    char path_a[4096], path_b[4096];
    snprintf(path_a, sizeof path_a, "%s", harness_path("a"));
    snprintf(path_b, sizeof path_b, "%s", harness_path("b"));
    const struct tail_file files[] = {{path_a, stream_name}, {path_b, "other"}, {path_a, "other"}};
    struct server server = server_open_files(loop, files, 3, NULL, 0);
    wait_for_count(&server, 1);
    wait_for_count_in(&server, "other", 2);
    append_file("a", "a2\n");
    append_file("b", "b2\n");
    rename_file("a", "a.old");
    append_file("a", "a3\n");
    wait_for_count(&server, 3);
    wait_for_count_in(&server, "other", 5);
    ASSERT_LINES(&server, "a1", "a2", "a3");
    server_close(&server);
}

BACKEND_TEST(same_file_and_stream_twice_is_refused)
{
    struct log *log = open_log(loop, harness_path("data"), NULL);
    struct broker *broker = open_broker(loop, log, NULL);
    struct tail *tail;
    const struct tail_file files[] = {{"/x", "s"}, {"/x", "s"}};
    const struct tail_options options = {
        .files = files, .count = 2, .directory = harness_path("data")};
    assert_result(tail_open(loop, broker, log, &options, &tail), -EINVAL);
    close_broker(loop, broker);
    close_log(loop, log);
}

BACKEND_TEST(idle_tail_makes_no_wake_up)
{
    struct server server = follow(loop, "one\n");
    wait_for_state(&server, "following");
    /* Somebody else's business in the directories on the way wakes nobody; only this one's own
     * directory does. */
    uint64_t before = hark_loop_metrics(loop)->handled[HARK_OP_READ];
    make_directory("elsewhere");
    wait_until_at_rest(&server);
    uint64_t woken = hark_loop_metrics(loop)->handled[HARK_OP_READ];
    append_file("elsewhere/g", "x\n");
    wait_until_at_rest(&server);
    assert_true(woken - before <= 1);
    assert_int_equal(hark_loop_metrics(loop)->handled[HARK_OP_READ], woken);
    server_close(&server);
}

/* The record of how far it was read is a stream as well. */
BACKEND_TEST(file_is_followed_though_all_streams_are_used_up)
{
    struct log_options options = {.streams_max = 1};
    struct log *log = open_log(loop, harness_path("data"), NULL);
    append_text(loop, log, stream_name, "zero");
    close_log(loop, log);
    append_file("f", "one\n");
    for (int restart = 0; restart < 2; restart++) {
        struct server server = server_open(loop, "f", &options, 0);
        wait_for_count(&server, 2 + (uint64_t)restart);
        append_file("f", "more\n");
        wait_for_count(&server, 3 + (uint64_t)restart);
        server_close(&server);
    }
}
