/* test_append.c - appending, reading back, streams and their deletion, in a log that nothing goes
 * wrong with. */
#include "log/fixture.h"

#include <malloc.h>

BACKEND_TEST(append_gives_growing_ids_and_reading_gives_the_events)
{
    struct log *log = open_log(loop, harness_path("data"), NULL);
    uint64_t first = append_text(loop, log, "letters", "alpha");
    uint64_t second = append_text(loop, log, "letters", "");
    uint64_t other = append_text(loop, log, "digits", "1");
    uint64_t third = append_text(loop, log, "letters", "gamma");
    assert_true(first > 0 && second > first && other > second && third > other);

    struct history history = read_from(loop, log, "letters", LOG_START);
    assert_int_equal(history.count, 3);
    assert_int_equal(history.gaps, 0);
    assert_text(&history.seen[0], "alpha");
    assert_text(&history.seen[1], "");
    assert_text(&history.seen[2], "gamma");
    assert_int_equal(history.seen[0].id, first);
    assert_int_equal(history.seen[2].id, third);
    history_free(&history);

    history = read_from(loop, log, "letters", second);
    assert_int_equal(history.count, 1);
    assert_int_equal(history.seen[0].id, third);
    history_free(&history);

    history = read_from(loop, log, "letters", third);
    assert_int_equal(history.count, 0);
    history_free(&history);
    close_log(loop, log);
}

BACKEND_TEST(append_is_found_after_a_restart_and_ids_go_on)
{
    const char *path = harness_path("data");
    struct log *log = open_log(loop, path, NULL);
    uint64_t first = append_text(loop, log, "s", "one");
    close_log(loop, log);
    for (int i = 0; i < 3; i++) {
        log = open_log(loop, path, NULL);
        assert_int_equal(find(log, "s")->last, first);
        uint64_t next = append_text(loop, log, "s", "more");
        assert_true(next > first);
        first = next;
        close_log(loop, log);
    }
    log = open_log(loop, path, NULL);
    struct history history = read_from(loop, log, "s", LOG_START);
    assert_int_equal(history.events, 4);
    assert_int_equal(history.gaps, 0);
    assert_text(&history.seen[0], "one");
    history_free(&history);
    close_log(loop, log);
    assert_int_equal(reports.count, 0);
}

BACKEND_TEST(appends_of_one_turn_share_one_write_and_one_sync)
{
    enum { COUNT = 500 };
    struct log *log = open_log(loop, harness_path("data"), NULL);
    static struct append appends[COUNT];
    append_text(loop, log, "s", "so that the segment is there");
    uint64_t commits = log_statistics(log)->commits, syncs = log_statistics(log)->syncs;
    for (int i = 0; i < COUNT; i++)
        append_start(log, &appends[i], i % 2 == 0 ? "even" : "odd", "event", 5);
    harness_run_until(loop, &appends[COUNT - 1].ended);
    assert_int_equal(log_statistics(log)->commits - commits, 1);
    assert_int_equal(log_statistics(log)->syncs - syncs, 1);
    for (int i = 0; i < COUNT; i++) {
        assert_true(appends[i].ended && appends[i].result > 0);
        assert_string_equal(appends[i].request.stream->entry->name, i % 2 == 0 ? "even" : "odd");
        assert_true(appends[i].request.time_ns > 0);
        if (i > 0)
            assert_true(appends[i].result > appends[i - 1].result);
    }
    close_log(loop, log);
}

/* Appends more in one turn than one write takes, and reads it back. Gives: how many commits it
 * took. */
static uint64_t append_much(struct hark_loop *loop, size_t bytes, size_t count)
{
    struct append *appends = calloc(count, sizeof *appends);
    unsigned char *events = malloc(count * bytes);
    struct log *log = open_log(loop, harness_path("data"), NULL);
    assert_true(appends && events);
    harness_fill(events, count * bytes, bytes);
    for (size_t i = 0; i < count; i++)
        append_start(log, &appends[i], "s", events + i * bytes, bytes);
    harness_run_until(loop, &appends[count - 1].ended);
    uint64_t commits = log_statistics(log)->commits;
    struct history history = read_from(loop, log, "s", LOG_START);
    assert_int_equal(history.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(history.seen[i].id, appends[i].result);
        assert_memory_equal(history.seen[i].bytes, events + i * bytes, bytes);
    }
    history_free(&history);
    close_log(loop, log);
    free(events);
    free(appends);
    return commits;
}

BACKEND_TEST(small_appends_of_one_turn_share_writes_of_a_mebibyte)
{
    assert_int_equal(append_much(loop, 4096, 600), 3);
}

BACKEND_TEST(large_appends_of_one_turn_share_writes_of_128_vectors)
{
    assert_int_equal(append_much(loop, 5000, 120), 2);
}

static struct append chained[3];
static struct log *chained_log;

static void chain(struct log_append *request, int64_t result)
{
    struct append *append = hark_container_of(request, struct append, request);
    assert_true(result > 0);
    append->ended = true;
    append->result = result;
    if (append < &chained[2]) {
        append[1].request = (struct log_append){
            .name = "s", .name_length = 1, .bytes = "x", .length = 1, .done = chain};
        log_append(chained_log, &append[1].request);
    }
}

BACKEND_TEST(append_from_the_callback_of_another_is_answered)
{
    chained_log = open_log(loop, harness_path("data"), NULL);
    chained[0].request = (struct log_append){
        .name = "s", .name_length = 1, .bytes = "x", .length = 1, .done = chain};
    log_append(chained_log, &chained[0].request);
    harness_run_until(loop, &chained[2].ended);
    assert_true(chained[2].result > chained[1].result && chained[1].result > chained[0].result);
    close_log(loop, chained_log);
}

BACKEND_TEST(append_of_every_size_around_the_limits_is_read_back)
{
    static const size_t sizes[] = {0,
                                   1,
                                   7,
                                   8,
                                   9,
                                   4095,
                                   4096,
                                   4097,
                                   65535,
                                   65536,
                                   65537,
                                   LOG_EVENT_BYTES_MAX - 1,
                                   LOG_EVENT_BYTES_MAX};
    enum { COUNT = sizeof sizes / sizeof *sizes };
    static unsigned char bytes[LOG_EVENT_BYTES_MAX + 1];
    static struct append appends[COUNT];
    struct log *log = open_log(loop, harness_path("data"), NULL);
    harness_fill(bytes, sizeof bytes, 7);
    for (int i = 0; i < COUNT; i++)
        append_start(log, &appends[i], "s", bytes, sizes[i]);
    harness_run_until(loop, &appends[COUNT - 1].ended);
    struct history history = read_from(loop, log, "s", LOG_START);
    assert_int_equal(history.count, COUNT);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(history.seen[i].id, appends[i].result);
        assert_int_equal(history.seen[i].length, sizes[i]);
        assert_memory_equal(history.seen[i].bytes, bytes, sizes[i]);
    }
    history_free(&history);
    assert_result(try_append(loop, log, "s", bytes, LOG_EVENT_BYTES_MAX + 1), -EINVAL);
    close_log(loop, log);
}

BACKEND_TEST(append_with_a_name_out_of_range_is_refused_in_its_turn)
{
    char name[LOG_NAME_MAX + 2];
    memset(name, 'n', sizeof name);
    name[LOG_NAME_MAX + 1] = '\0';
    struct log *log = open_log(loop, harness_path("data"), NULL);
    struct append before, refused, after;
    append_start(log, &before, "s", "1", 1);
    append_start(log, &refused, name, "2", 1);
    append_start(log, &after, name + 1, "3", 1);
    harness_run_until(loop, &after.ended);
    assert_true(before.result > 0 && after.result > 0);
    assert_result(refused.result, -EINVAL);
    assert_result(try_append(loop, log, "", "4", 1), -EINVAL);
    assert_string_equal(find(log, name + 1)->entry->name, name + 1);
    close_log(loop, log);
}

BACKEND_TEST(append_past_streams_max_is_refused_until_one_is_deleted)
{
    struct log_options options = {.streams_max = 2};
    struct log *log = open_log(loop, harness_path("data"), &options);
    append_text(loop, log, "a", "1");
    append_text(loop, log, "b", "1");
    assert_result(try_append(loop, log, "c", "1", 1), -EDQUOT);
    assert_true(delete_stream(loop, log, "a") > 0);
    append_text(loop, log, "c", "1");
    close_log(loop, log);
}

/* What the server keeps for itself (how far a file was read, whether the disk works again) does not
 * depend on others. */
BACKEND_TEST(streams_of_the_program_itself_are_made_though_all_are_used_up)
{
    struct log_options options = {.streams_max = 1};
    struct log *log = open_log(loop, harness_path("data"), &options);
    append_text(loop, log, "a", "1");
    append_text(loop, log, ".own", "1");
    assert_result(try_append(loop, log, "b", "1", 1), -EDQUOT);
    assert_true(delete_stream(loop, log, ".own") > 0);
    append_text(loop, log, ".other", "1");
    close_log(loop, log);
}

BACKEND_TEST(append_after_close_was_asked_ends_with_eshutdown)
{
    struct log *log = open_log(loop, harness_path("data"), NULL);
    struct append before, after;
    struct reading reading = {0};
    struct closing closing = {0};
    static unsigned char buffer[LOG_READ_BYTES_MIN];
    append_text(loop, log, "s", "1");
    log_cursor_init(&reading.cursor, find(log, "s"), LOG_START);
    append_start(log, &before, "s", "2", 1);
    log_close(log, closing_ended, &closing);
    append_start(log, &after, "s", "3", 1);
    log_read(log, &reading.cursor, buffer, sizeof buffer, reading_ended);
    harness_run_until(loop, &closing.ended);
    assert_true(before.ended && before.result > 0);
    assert_true(after.ended);
    assert_result(after.result, -ESHUTDOWN);
    assert_result(reading.result, -ESHUTDOWN);
    log = open_log(loop, harness_path("data"), NULL);
    struct history history = read_from(loop, log, "s", LOG_START);
    assert_int_equal(history.events, 2);
    history_free(&history);
    close_log(loop, log);
}

BACKEND_TEST(streams_are_listed_in_order_of_creation_with_their_facts)
{
    const char *path = harness_path("data");
    struct log *log = open_log(loop, path, NULL);
    uint64_t zebra = append_text(loop, log, "zebra", "12345");
    append_text(loop, log, "apple", "1");
    uint64_t last = append_text(loop, log, "zebra", "123");
    for (int restart = 0; restart < 2; restart++) {
        const struct log_stream *stream = log_stream_next(log, NULL);
        assert_string_equal(stream->entry->name, "zebra");
        assert_int_equal(stream->count, 2);
        assert_int_equal(stream->bytes, 8);
        assert_int_equal(stream->first, zebra);
        assert_int_equal(stream->last, last);
        assert_int_equal(stream->lost, 0);
        assert_true(stream->generation < zebra);
        stream = log_stream_next(log, stream);
        assert_string_equal(stream->entry->name, "apple");
        assert_null(log_stream_next(log, stream));
        assert_null(log_stream_find(log, "zebr", 4));
        assert_int_equal(log_statistics(log)->streams, 2);
        close_log(loop, log);
        log = open_log(loop, path, NULL);
    }
    close_log(loop, log);
}

BACKEND_TEST(stream_made_anew_is_another_and_old_cursors_find_a_gap)
{
    const char *path = harness_path("data");
    struct log *log = open_log(loop, path, NULL);
    struct reading reading = {0};
    static unsigned char buffer[LOG_READ_BYTES_MIN];
    append_text(loop, log, "s", "old");
    uint64_t old = append_text(loop, log, "s", "older");
    log_cursor_init(&reading.cursor, find(log, "s"), LOG_START);
    assert_true(delete_stream(loop, log, "s") > (int64_t)old);
    assert_null(find(log, "s"));
    assert_result(delete_stream(loop, log, "s"), -ENOENT);
    assert_result(read_once(loop, log, &reading, buffer, sizeof buffer), -ENOENT);
    uint64_t new = append_text(loop, log, "s", "new");
    for (int restart = 0; restart < 2; restart++) {
        assert_int_equal(find(log, "s")->count, 1);
        struct history history = read_from(loop, log, "s", old);
        assert_int_equal(history.count, 2);
        assert_int_equal(history.seen[0].gap.after, old);
        assert_true(history.seen[0].gap.first > old && history.seen[0].gap.first <= new);
        assert_text(&history.seen[1], "new");
        history_free(&history);
        history = read_from(loop, log, "s", LOG_START);
        assert_int_equal(history.count, 1);
        history_free(&history);
        close_log(loop, log);
        log = open_log(loop, path, NULL);
    }
    close_log(loop, log);
}

BACKEND_TEST(delete_and_append_of_one_turn_keep_their_order)
{
    struct log *log = open_log(loop, harness_path("data"), NULL);
    struct append first, gone, second;
    append_start(log, &first, "s", "before", 6);
    change_start(log, &gone, (struct log_append){.kind = LOG_DELETE, .name = "s"});
    append_start(log, &second, "s", "after", 5);
    harness_run_until(loop, &second.ended);
    assert_true(first.result > 0 && gone.result > first.result && second.result > gone.result);
    struct history history = read_from(loop, log, "s", LOG_START);
    assert_int_equal(history.count, 1);
    assert_text(&history.seen[0], "after");
    history_free(&history);
    close_log(loop, log);
}

static const struct log_append create = {.kind = LOG_CREATE, .name = "s"};

BACKEND_TEST(stream_that_is_created_has_no_event_and_is_created_once)
{
    const char *path = harness_path("data");
    struct log *log = open_log(loop, path, NULL);
    int64_t id = try_change(loop, log, create);
    assert_true(id > 0);
    assert_result(try_change(loop, log, create), -EEXIST);
    assert_int_equal(log_statistics(log)->streams, 1);
    assert_int_equal(log_statistics(log)->appends, 0);
    for (int restart = 0; restart < 3; restart++) {
        const struct log_stream *stream = find(log, "s");
        assert_non_null(stream);
        assert_int_equal(stream->generation, id);
        assert_int_equal(stream->count, 0);
        assert_int_equal(stream->first, 0);
        assert_int_equal(stream->lost, 0);
        struct history history = read_from(loop, log, "s", LOG_START);
        assert_int_equal(history.count, 0);
        history_free(&history);
        close_log(loop, log);
        if (restart == 1)
            remove_files(path, ".idx");
        log = open_log(loop, path, NULL);
    }
    append_text(loop, log, "s", "x");
    assert_result(try_change(loop, log, create), -EEXIST);
    assert_int_equal(find(log, "s")->generation, id);
    assert_int_equal(find(log, "s")->count, 1);
    close_log(loop, log);
}

/* What each answers when all are asked in one turn, of a log without streams. */
BACKEND_TEST(conditions_are_decided_in_the_order_of_the_appends)
{
    static const struct {
        struct log_append request;
        int64_t result; /* 1: an id */
    } rows[] = {
        {{.condition = LOG_IF_PRESENT, .name = "s"}, -ENOENT},
        {{.condition = LOG_IF_SAME, .name = "s", .generation = 1}, -ESTALE},
        {{.kind = LOG_DELETE, .name = "s"}, -ENOENT},
        {{.kind = LOG_CREATE, .name = "s"}, 1},
        {{.kind = LOG_CREATE, .name = "s"}, -EEXIST},
        {{.condition = LOG_IF_ABSENT, .name = "s"}, -EEXIST},
        {{.condition = LOG_IF_PRESENT, .name = "s"}, 1},
        {{.condition = LOG_IF_PRESENT, .name = "s"}, 1},
        {{.kind = LOG_DELETE, .condition = LOG_IF_ABSENT, .name = "s"}, -EEXIST},
        {{.kind = LOG_DELETE, .condition = LOG_IF_PRESENT, .name = "s"}, 1},
        {{.condition = LOG_IF_PRESENT, .name = "s"}, -ENOENT},
        {{.kind = LOG_CREATE, .condition = LOG_IF_PRESENT, .name = "s"}, -ENOENT},
        {{.condition = LOG_IF_ABSENT, .name = "s"}, 1},
        {{.condition = LOG_IF_ABSENT, .name = "s"}, -EEXIST},
    };
    enum { COUNT = sizeof rows / sizeof *rows };
    static struct append appends[COUNT];
    struct log *log = open_log(loop, harness_path("data"), NULL);
    for (int i = 0; i < COUNT; i++)
        change_start(log, &appends[i], rows[i].request);
    harness_run_until(loop, &appends[COUNT - 1].ended);
    int64_t newest = 0;
    for (int i = 0; i < COUNT; i++) {
        if (rows[i].result < 0) {
            assert_result(appends[i].result, rows[i].result);
            continue;
        }
        assert_true(appends[i].result > newest);
        newest = appends[i].result;
    }
    assert_int_equal(find(log, "s")->count, 1);
    assert_int_equal(find(log, "s")->last, newest);
    close_log(loop, log);
}

BACKEND_TEST(append_to_a_generation_finds_it_or_is_refused)
{
    struct log *log = open_log(loop, harness_path("data"), NULL);
    append_text(loop, log, "s", "1");
    struct log_append request = {
        .name = "s", .bytes = "2", .length = 1, .generation = find(log, "s")->generation};
    assert_true(try_change(loop, log, request) > 0);
    assert_ptr_equal(log_stream_of(find(log, "s")->entry), find(log, "s"));
    request.condition = LOG_IF_SAME;
    assert_true(try_change(loop, log, request) > 0);
    assert_int_equal(find(log, "s")->count, 3);
    delete_stream(loop, log, "s");
    assert_result(try_change(loop, log, request), -ESTALE);
    assert_null(find(log, "s"));
    append_text(loop, log, "s", "new");
    assert_result(try_change(loop, log, request), -ESTALE);
    assert_int_equal(find(log, "s")->count, 1);
    request.condition = LOG_UNCONDITIONAL;
    assert_true(try_change(loop, log, request) > 0);
    assert_int_equal(find(log, "s")->count, 2);
    request.kind = LOG_DELETE;
    request.condition = LOG_IF_SAME;
    assert_result(try_change(loop, log, request), -ESTALE);
    request.generation = find(log, "s")->generation;
    assert_true(try_change(loop, log, request) > 0);
    assert_null(find(log, "s"));
    close_log(loop, log);
}

/* Who hangs something on a name finds the log's part there, whichever stream that is. */
BACKEND_TEST(append_with_its_name_found_is_the_same_and_the_name_outlives_the_stream)
{
    static char part;
    struct log *log = open_log(loop, harness_path("data"), NULL);
    struct streams *streams = log_streams(log);
    struct stream_entry *entry = streams_get(streams, "s", 1);
    assert_non_null(entry);
    entry->stream = (void *)&part;
    assert_null(log_stream_of(entry));
    struct log_append request = {.name = "s", .bytes = "1", .length = 1, .entry = entry};
    assert_true(try_change(loop, log, request) > 0);
    uint64_t first = find(log, "s")->generation;
    assert_ptr_equal(log_stream_of(entry), find(log, "s"));
    assert_ptr_equal(find(log, "s")->entry, entry);
    assert_true(try_change(loop, log, request) > 0);
    assert_int_equal(log_stream_of(entry)->count, 2);
    delete_stream(loop, log, "s");
    assert_null(log_stream_of(entry));
    assert_ptr_equal(streams_find(streams, "s", 1), entry);
    append_text(loop, log, "s", "new");
    assert_true(log_stream_of(entry)->generation > first);
    entry->stream = NULL;
    streams_let_go(streams, entry);
    assert_ptr_equal(find(log, "s")->entry, entry);
    delete_stream(loop, log, "s");
    assert_null(streams_find(streams, "s", 1));
    close_log(loop, log);
}

/* A stream takes hundreds of bytes. The pool may begin another thread meanwhile, a few times in
 * all. */
BACKEND_TEST(stream_that_was_deleted_holds_no_memory)
{
    enum { WARM_UP = 10, ROUNDS = 100, BYTES = 64 };
    struct log *log = open_log(loop, harness_path("data"), NULL);
    size_t held = 0;
    for (int round = 0; round < WARM_UP + ROUNDS; round++) {
        append_text(loop, log, "s", "x");
        assert_true(delete_stream(loop, log, "s") > 0);
        if (round == WARM_UP) /* by then the log has what it needs */
            held = mallinfo2().uordblks;
    }
    assert_true(mallinfo2().uordblks < held + (size_t)ROUNDS * BYTES);
    close_log(loop, log);
}

BACKEND_TEST(read_cancelled_ends_with_ecanceled_and_can_be_asked_again)
{
    struct log *log = open_log(loop, harness_path("data"), NULL);
    struct reading reading = {0};
    static unsigned char buffer[LOG_READ_BYTES_MIN];
    append_text(loop, log, "s", "1");
    log_cursor_init(&reading.cursor, find(log, "s"), LOG_START);
    log_cursor_cancel(&reading.cursor);
    log_read(log, &reading.cursor, buffer, sizeof buffer, reading_ended);
    log_cursor_cancel(&reading.cursor);
    harness_run_until(loop, &reading.ended);
    assert_result(reading.result, -ECANCELED);
    assert_int_equal(read_once(loop, log, &reading, buffer, sizeof buffer), 1);
    assert_result(read_once(loop, log, &reading, buffer, 100), -EINVAL);
    close_log(loop, log);
}

BACKEND_TEST(events_not_taken_are_read_again)
{
    struct log *log = open_log(loop, harness_path("data"), NULL);
    struct reading reading = {0};
    struct log_event event;
    static unsigned char buffer[LOG_READ_BYTES_MIN];
    append_text(loop, log, "s", "1");
    append_text(loop, log, "s", "2");
    append_text(loop, log, "s", "3");
    log_cursor_init(&reading.cursor, find(log, "s"), LOG_START);
    assert_int_equal(read_once(loop, log, &reading, buffer, sizeof buffer), 3);
    assert_true(log_cursor_next(&reading.cursor, &event));
    assert_int_equal(read_once(loop, log, &reading, buffer, sizeof buffer), 2);
    assert_true(log_cursor_next(&reading.cursor, &event));
    assert_memory_equal(event.bytes, "2", 1);
    assert_true(log_cursor_next(&reading.cursor, &event));
    assert_false(log_cursor_next(&reading.cursor, &event));
    assert_int_equal(read_once(loop, log, &reading, buffer, sizeof buffer), 0);
    append_text(loop, log, "s", "4");
    assert_int_equal(read_once(loop, log, &reading, buffer, sizeof buffer), 1);
    close_log(loop, log);
}

BACKEND_TEST(sync_interval_answers_before_the_sync_and_syncs_once_later)
{
    struct log_options options = {.sync = LOG_SYNC_INTERVAL, .sync_interval_ns = 1000000};
    struct log *log = open_log(loop, harness_path("data"), &options);
    append_text(loop, log, "s", "1");
    assert_int_equal(log_statistics(log)->syncs, 0);
    harness_run(loop);
    assert_int_equal(log_statistics(log)->syncs, 1); /* and the loop has run dry: nothing ticks */
    append_text(loop, log, "s", "2");
    close_log(loop, log);
    log = open_log(loop, harness_path("data"), NULL);
    assert_int_equal(find(log, "s")->count, 2);
    close_log(loop, log);
}

BACKEND_TEST(sync_never_answers_without_a_sync)
{
    struct log_options options = {.sync = LOG_SYNC_NEVER};
    struct log *log = open_log(loop, harness_path("data"), &options);
    append_text(loop, log, "s", "1");
    append_text(loop, log, "s", "2");
    assert_int_equal(log_statistics(log)->syncs, 0);
    assert_int_equal(log_statistics(log)->commits, 2);
    close_log(loop, log);
}

BACKEND_TEST(open_of_a_directory_in_use_gives_ebusy_and_leaves_it_alone)
{
    const char *path = harness_path("data");
    struct log *log = open_log(loop, path, NULL);
    struct log *second = NULL;
    append_text(loop, log, "s", "1");
    assert_result(try_open(loop, path, NULL, &second), -EBUSY);
    append_text(loop, log, "s", "2");
    close_log(loop, log);
    log = open_log(loop, path, NULL);
    assert_int_equal(find(log, "s")->count, 2);
    close_log(loop, log);
}

BACKEND_TEST(open_of_what_cannot_be_a_directory_says_why)
{
    struct log *log = NULL;
    int fd = harness_file("file", "x", 1);
    close(fd);
    assert_result(try_open(loop, harness_path("file"), NULL, &log), -ENOTDIR);
    assert_result(try_open(loop, harness_path("missing/data"), NULL, &log), -ENOENT);
}

TEST(open_with_an_option_out_of_range_fails_at_once)
{
    struct hark_loop *loop = harness_loop_create(NULL);
    struct log_options options = {.segment_bytes = 1};
    assert_result(log_open(loop, "nowhere", &options, opening_ended, NULL), -EINVAL);
    options = (struct log_options){.sync = (enum log_sync)7};
    assert_result(log_open(loop, "nowhere", &options, opening_ended, NULL), -EINVAL);
    harness_loop_destroy(loop);
}
