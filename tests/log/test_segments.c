/* test_segments.c - many segments: rolling, indexes, descriptors, readers. */
#include "log/numbered.h"

BACKEND_TEST(segments_roll_by_size_and_all_is_read_across_them)
{
    enum { COUNT = 200, BYTES = 3000 };
    static uint64_t ids[COUNT];
    const char *path = harness_path("data");
    struct log *log = open_log(loop, path, &small_segments);
    append_numbered(loop, log, "s", 0, COUNT, BYTES, ids);
    assert_in_range(log_statistics(log)->segments, COUNT * BYTES / SMALL_SEGMENT_BYTES,
                    COUNT * BYTES / SMALL_SEGMENT_BYTES + 2);
    assert_int_equal(count_files(path, ".log"), log_statistics(log)->segments);
    for (int restart = 0; restart < 2; restart++) {
        for (int after = 0; after < COUNT; after += 37) {
            struct history history =
                read_from(loop, log, "s", after == 0 ? LOG_START : ids[after - 1]);
            assert_int_equal(history.gaps, 0);
            assert_numbered(&history, after, COUNT - after, BYTES, ids);
            history_free(&history);
        }
        close_log(loop, log);
        assert_int_equal(count_files(path, ".idx"), count_files(path, ".log"));
        assert_int_equal(count_files(path, ".new"), 0);
        log = open_log(loop, path, &small_segments);
    }
    close_log(loop, log);
    assert_int_equal(reports.count, 0);
}

BACKEND_TEST(reads_of_a_rare_stream_pass_over_the_blocks_of_others)
{
    enum { COUNT = 300, BYTES = 8000 };
    const char *path = harness_path("data");
    struct log_options options = {.segment_bytes = 1024 * 1024};
    struct log *log = open_log(loop, path, &options);
    uint64_t rare[3];
    append_numbered(loop, log, "busy", 0, 10, BYTES, NULL);
    rare[0] = append_text(loop, log, "rare", "1");
    append_numbered(loop, log, "busy", 0, COUNT, BYTES, NULL);
    rare[1] = append_text(loop, log, "rare", "2");
    rare[2] = append_text(loop, log, "rare", "3");
    for (int restart = 0; restart < 2; restart++) {
        struct history history = read_from(loop, log, "rare", LOG_START);
        assert_int_equal(history.count, 3);
        for (int i = 0; i < 3; i++)
            assert_int_equal(history.seen[i].id, rare[i]);
        history_free(&history);
        assert_true(log_statistics(log)->read_bytes < 4 * (64 * 1024 + BYTES));
        close_log(loop, log);
        log = open_log(loop, path, &options);
    }
    close_log(loop, log);
}

BACKEND_TEST(reads_of_the_newest_events_do_not_begin_at_the_oldest)
{
    enum { COUNT = 300, BYTES = 8000 };
    static uint64_t ids[COUNT];
    const char *path = harness_path("data");
    struct log *log = open_log(loop, path, NULL);
    append_numbered(loop, log, "s", 0, COUNT, BYTES, ids);
    for (int restart = 0; restart < 2; restart++) {
        struct history history = read_from(loop, log, "s", ids[COUNT - 2]);
        assert_numbered(&history, COUNT - 1, 1, BYTES, ids);
        history_free(&history);
        assert_in_range(log_statistics(log)->read_bytes, BYTES, 64 * 1024 + 2 * BYTES);
        close_log(loop, log);
        log = open_log(loop, path, NULL);
    }
    close_log(loop, log);
}

BACKEND_TEST(a_missing_or_damaged_index_is_made_anew)
{
    enum { COUNT = 60, BYTES = 3000 };
    static uint64_t ids[COUNT];
    const char *path = harness_path("data");
    struct log *log = open_log(loop, path, &small_segments);
    append_numbered(loop, log, "s", 0, COUNT, BYTES, ids);
    append_text(loop, log, "gone", "1");
    append_text(loop, log, "t", "1");
    assert_true(delete_stream(loop, log, "gone") > 0);
    close_log(loop, log);
    char names[16][64];
    int count = list_files(path, ".idx", names, 16);
    assert_in_range(count, 3, 16);
    assert_int_equal(unlink(inside(path, names[0])), 0);
    store_file(inside(path, names[1]), "rubbish", 7);
    assert_int_equal(truncate(inside(path, names[2]), 100), 0);
    log = open_log(loop, path, &small_segments);
    assert_null(find(log, "gone"));
    assert_int_equal(find(log, "t")->count, 1);
    struct history history = read_from(loop, log, "s", LOG_START);
    assert_int_equal(history.gaps, 0);
    assert_numbered(&history, 0, COUNT, BYTES, ids);
    history_free(&history);
    close_log(loop, log);
    assert_int_equal(count_files(path, ".idx"), count);
    assert_int_equal(count_files(path, ".log"), count);
}

BACKEND_TEST(an_index_damaged_while_the_log_is_open_costs_no_event)
{
    enum { COUNT = 60, BYTES = 3000 };
    static uint64_t ids[COUNT];
    const char *path = harness_path("data");
    struct log *log = open_log(loop, path, &small_segments);
    append_numbered(loop, log, "s", 0, COUNT / 2, BYTES, ids);
    append_numbered(loop, log, "t", 0, 5, BYTES, NULL);
    append_numbered(loop, log, "s", COUNT / 2, COUNT / 2, BYTES, ids);
    close_log(loop, log);
    log = open_log(loop, path, &small_segments);
    char names[16][64];
    int count = list_files(path, ".idx", names, 16);
    for (int i = 0; i < count; i++)
        store_file(inside(path, names[i]), "rubbish", 7);
    struct history history = read_from(loop, log, "s", LOG_START);
    assert_int_equal(history.gaps, 0);
    assert_numbered(&history, 0, COUNT, BYTES, ids);
    history_free(&history);
    assert_true(reported("cannot be used"));
    close_log(loop, log);
}

enum { READERS = 12 };

static struct reading readers[READERS];

BACKEND_TEST(reads_at_once_hold_no_more_descriptors_than_allowed)
{
    enum { COUNT = READERS * 16, BYTES = 4000 };
    static uint64_t ids[COUNT];
    static unsigned char buffers[READERS][LOG_READ_BYTES_MIN];
    struct log_options options = {.segment_bytes = SMALL_SEGMENT_BYTES, .open_segments_max = 2};
    const char *path = harness_path("data");
    struct log *log = open_log(loop, path, &options);
    append_numbered(loop, log, "s", 0, COUNT, BYTES, ids);
    memset(readers, 0, sizeof readers);
    for (int i = 0; i < READERS; i++) {
        log_cursor_init(&readers[i].cursor, find(log, "s"), ids[i * 16]);
        log_read(log, &readers[i].cursor, buffers[i], sizeof buffers[i], reading_ended);
    }
    log_cursor_cancel(&readers[READERS - 1].cursor); /* one that has to wait */
    for (int i = 0; i < READERS; i++) {
        while (!readers[i].ended) {
            assert_true(hark_run_once(loop) >= 0);
            assert_in_range(log_statistics(log)->open_segments, 0, 2 + 1);
        }
        struct log_event event;
        if (i == READERS - 1) {
            assert_result(readers[i].result, -ECANCELED);
            continue;
        }
        assert_true(readers[i].result > 0);
        assert_true(log_cursor_next(&readers[i].cursor, &event));
        assert_int_equal(event.id, ids[i * 16 + 1]);
    }
    close_log(loop, log);
}

BACKEND_TEST(a_segment_removed_under_a_reader_is_read_to_the_end_of_the_read)
{
    enum { COUNT = 40, BYTES = 4000 };
    static uint64_t ids[COUNT];
    static unsigned char buffer[LOG_READ_BYTES_MIN];
    struct log_options options = {.segment_bytes = SMALL_SEGMENT_BYTES,
                                  .retain_bytes = SMALL_SEGMENT_BYTES,
                                  .open_segments_max = 1};
    struct log *log = open_log(loop, harness_path("data"), &options);
    append_numbered(loop, log, "s", 0, 12, BYTES, ids);
    struct reading reading = {0};
    struct append appends[COUNT] = {0};
    static unsigned char event[BYTES];
    log_cursor_init(&reading.cursor, find(log, "s"), LOG_START);
    for (int round = 0; round < COUNT; round++) {
        reading.ended = false;
        log_read(log, &reading.cursor, buffer, sizeof buffer, reading_ended);
        append_start(log, &appends[round], "s", event, BYTES);
        harness_run_until(loop, &appends[round].ended);
        harness_run_until(loop, &reading.ended);
        assert_true(reading.result >= 0);
        struct history history = {0};
        take_batch(&reading, &history);
        for (size_t i = 1; i < history.count; i++)
            assert_true(history.seen[i].id == 0 || history.seen[i].id > history.seen[i - 1].id);
        history_free(&history);
    }
    close_log(loop, log);
}

/* Whatever turn it is: the segment is asked for, being opened, being read. */
BACKEND_TEST(read_that_is_cancelled_asks_the_disk_for_nothing_more)
{
    static unsigned char buffer[LOG_READ_BYTES_MIN];
    struct log_options options = {.segment_bytes = SMALL_SEGMENT_BYTES, .open_segments_max = 1};
    struct log *log = open_log(loop, harness_path("data"), &options);
    append_numbered(loop, log, "s", 0, 60, 4000, NULL);
    bool read_to_its_end = false;
    for (int turns = 0; !read_to_its_end; turns++) {
        struct reading reading = {0};
        log_cursor_init(&reading.cursor, find(log, "s"), LOG_START);
        log_read(log, &reading.cursor, buffer, sizeof buffer, reading_ended);
        for (int i = 0; i < turns && !reading.ended; i++)
            assert_true(hark_run_once(loop) >= 0);
        read_to_its_end = reading.ended;
        uint64_t reads = log_statistics(log)->reads;
        log_cursor_cancel(&reading.cursor);
        harness_run_until(loop, &reading.ended);
        assert_int_equal(log_statistics(log)->reads, reads);
        if (!read_to_its_end)
            assert_result(reading.result, -ECANCELED);
        log_cursor_init(&reading.cursor, find(log, "s"),
                        find(log, "s")->last - 1); /* another one is open afterwards */
        assert_int_equal(read_once(loop, log, &reading, buffer, sizeof buffer), 1);
    }
    close_log(loop, log);
}

BACKEND_TEST(an_event_larger_than_a_segment_gets_one_of_its_own)
{
    static unsigned char bytes[100000];
    struct log_options options = {.segment_bytes = 4096};
    const char *path = harness_path("data");
    struct log *log = open_log(loop, path, &options);
    harness_fill(bytes, sizeof bytes, 1);
    append_text(loop, log, "s", "small");
    append_bytes(loop, log, "s", bytes, sizeof bytes);
    append_text(loop, log, "s", "small");
    close_log(loop, log);
    assert_int_equal(count_files(path, ".log"), 3);
    log = open_log(loop, path, &options);
    struct history history = read_from(loop, log, "s", LOG_START);
    assert_int_equal(history.events, 3);
    assert_true(harness_filled(history.seen[1].bytes, sizeof bytes, 1));
    history_free(&history);
    close_log(loop, log);
}

BACKEND_TEST(a_read_into_a_small_buffer_says_how_much_the_next_event_needs)
{
    static unsigned char bytes[200000], buffer[LOG_READ_BYTES_MIN];
    struct log *log = open_log(loop, harness_path("data"), NULL);
    struct reading reading = {0};
    append_bytes(loop, log, "other", bytes, sizeof bytes);
    append_bytes(loop, log, "s", bytes, sizeof bytes);
    append_text(loop, log, "s", "small");
    log_cursor_init(&reading.cursor, find(log, "s"), LOG_START);
    assert_result(read_once(loop, log, &reading, buffer, sizeof buffer), -EMSGSIZE);
    assert_in_range(reading.cursor.needed, sizeof bytes, sizeof bytes + 100);
    unsigned char *larger = malloc(reading.cursor.needed);
    assert_int_equal(read_once(loop, log, &reading, larger, reading.cursor.needed), 1);
    struct log_event event;
    assert_true(log_cursor_next(&reading.cursor, &event));
    assert_int_equal(event.length, sizeof bytes);
    assert_int_equal(read_once(loop, log, &reading, buffer, sizeof buffer), 1);
    free(larger);
    close_log(loop, log);
}

/* So many that a segment's declarations are written in several parts. */
BACKEND_TEST(each_of_many_streams_is_declared_in_a_segment_that_is_the_only_one_left)
{
    enum { STREAMS = 3000 };
    const char *path = harness_path("data");
    struct log_options options = {.sync = LOG_SYNC_NEVER};
    struct log *log = open_log(loop, path, &options);
    static struct append appends[STREAMS];
    static char names[STREAMS][128];
    static uint64_t ids[STREAMS];
    for (int i = 0; i < STREAMS; i++) {
        snprintf(names[i], sizeof names[i], "%0*d", 5 + i % 100, i);
        append_start(log, &appends[i], names[i], "x", 1);
    }
    harness_run_until(loop, &appends[STREAMS - 1].ended);
    delete_stream(loop, log, names[1]);
    close_log(loop, log);
    options.retain_bytes = 1; /* all but the newest segment go */
    options.segment_bytes = LOG_SEGMENT_BYTES_MIN;
    log = open_log(loop, path, &options);
    for (int i = 0; i < STREAMS; i++)
        ids[i] = i == 1 ? 0 : find(log, names[i])->last;
    delete_stream(loop, log, names[2]);
    append_text(loop, log, names[0], "y");
    append_text(loop, log, names[0], "z");
    harness_run(loop);
    close_log(loop, log);
    assert_int_equal(count_files(path, ".log"), 1);
    log = open_log(loop, path, &options);
    assert_int_equal(log_statistics(log)->damaged, 0);
    assert_int_equal(log_statistics(log)->streams, STREAMS - 2);
    for (int i = 3; i < STREAMS; i++) {
        assert_int_equal(find(log, names[i])->last, ids[i]);
        assert_int_equal(find(log, names[i])->count, 0);
    }
    assert_null(find(log, names[1]));
    assert_null(find(log, names[2]));
    close_log(loop, log);
}

BACKEND_TEST(many_streams_are_told_apart_across_segments_and_restarts)
{
    enum { STREAMS = 300, ROUNDS = 12 };
    const char *path = harness_path("data");
    struct log *log = open_log(loop, path, &small_segments);
    static struct append appends[STREAMS];
    static char names[STREAMS][32], texts[STREAMS][64];
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < STREAMS; i++) {
            snprintf(names[i], sizeof names[i], "stream-%d", i);
            snprintf(texts[i], sizeof texts[i], "%d of %d", round, i);
            append_start(log, &appends[i], names[i], texts[i], strlen(texts[i]));
        }
        harness_run_until(loop, &appends[STREAMS - 1].ended);
        if (round % 5 == 4) {
            close_log(loop, log);
            log = open_log(loop, path, &small_segments);
        }
    }
    assert_int_equal(log_statistics(log)->streams, STREAMS);
    for (int i = 0; i < STREAMS; i += 17) {
        struct history history = read_from(loop, log, names[i], LOG_START);
        assert_int_equal(history.count, ROUNDS);
        for (int round = 0; round < ROUNDS; round++) {
            char text[32];
            snprintf(text, sizeof text, "%d of %d", round, i);
            assert_text(&history.seen[round], text);
        }
        history_free(&history);
    }
    close_log(loop, log);
}
