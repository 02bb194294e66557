/* test_segments.c - many segments: rolling, indexes, descriptors, retention. */
#include "log/fixture.h"

enum { SEGMENT_BYTES = 64 * 1024 };

static const struct log_options small_segments = {.segment_bytes = SEGMENT_BYTES};

/* Appends events of a stream, `bytes` each, whose contents tell their number. Gives: their ids. */
static void fill(struct hark_loop *loop, struct log *log, const char *name, int from, int count,
                 size_t bytes, uint64_t *ids)
{
    unsigned char *event = malloc(bytes);
    assert_non_null(event);
    for (int i = from; i < from + count; i++) {
        harness_fill(event, bytes, (uint64_t)i);
        uint64_t id = append_bytes(loop, log, name, event, bytes);
        if (ids)
            ids[i] = id;
    }
    free(event);
}

static void assert_events(const struct history *history, int from, int count, size_t bytes,
                          const uint64_t *ids)
{
    int seen = 0;
    for (size_t i = 0; i < history->count; i++) {
        if (history->seen[i].id == 0)
            continue;
        assert_int_equal(history->seen[i].id, ids[from + seen]);
        assert_int_equal(history->seen[i].length, bytes);
        assert_true(harness_filled(history->seen[i].bytes, bytes, (uint64_t)(from + seen)));
        seen++;
    }
    assert_int_equal(seen, count);
}

BACKEND_TEST(segments_roll_by_size_and_all_is_read_across_them)
{
    enum { COUNT = 200, BYTES = 3000 };
    static uint64_t ids[COUNT];
    const char *path = harness_path("data");
    struct log *log = open_log(loop, path, &small_segments);
    fill(loop, log, "s", 0, COUNT, BYTES, ids);
    assert_in_range(log_statistics(log)->segments, COUNT * BYTES / SEGMENT_BYTES,
                    COUNT * BYTES / SEGMENT_BYTES + 2);
    assert_int_equal(count_files(path, ".log"), log_statistics(log)->segments);
    for (int restart = 0; restart < 2; restart++) {
        for (int after = 0; after < COUNT; after += 37) {
            struct history history =
                read_from(loop, log, "s", after == 0 ? LOG_START : ids[after - 1]);
            assert_int_equal(history.gaps, 0);
            assert_events(&history, after, COUNT - after, BYTES, ids);
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
    fill(loop, log, "busy", 0, 10, BYTES, NULL);
    rare[0] = append_text(loop, log, "rare", "1");
    fill(loop, log, "busy", 0, COUNT, BYTES, NULL);
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
    fill(loop, log, "s", 0, COUNT, BYTES, ids);
    for (int restart = 0; restart < 2; restart++) {
        struct history history = read_from(loop, log, "s", ids[COUNT - 2]);
        assert_events(&history, COUNT - 1, 1, BYTES, ids);
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
    fill(loop, log, "s", 0, COUNT, BYTES, ids);
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
    assert_events(&history, 0, COUNT, BYTES, ids);
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
    fill(loop, log, "s", 0, COUNT / 2, BYTES, ids);
    fill(loop, log, "t", 0, 5, BYTES, NULL);
    fill(loop, log, "s", COUNT / 2, COUNT / 2, BYTES, ids);
    close_log(loop, log);
    log = open_log(loop, path, &small_segments);
    char names[16][64];
    int count = list_files(path, ".idx", names, 16);
    for (int i = 0; i < count; i++)
        store_file(inside(path, names[i]), "rubbish", 7);
    struct history history = read_from(loop, log, "s", LOG_START);
    assert_int_equal(history.gaps, 0);
    assert_events(&history, 0, COUNT, BYTES, ids);
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
    struct log_options options = {.segment_bytes = SEGMENT_BYTES, .open_segments_max = 2};
    const char *path = harness_path("data");
    struct log *log = open_log(loop, path, &options);
    fill(loop, log, "s", 0, COUNT, BYTES, ids);
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

BACKEND_TEST(retention_by_bytes_removes_whole_segments_and_tells_a_gap)
{
    enum { COUNT = 300, BYTES = 3000, KEPT = 4 * SEGMENT_BYTES };
    static uint64_t ids[COUNT];
    const char *path = harness_path("data");
    struct log_options options = {.segment_bytes = SEGMENT_BYTES, .retain_bytes = KEPT};
    struct log *log = open_log(loop, path, &options);
    uint64_t quiet = append_text(loop, log, "quiet", "said once");
    fill(loop, log, "s", 0, COUNT, BYTES, ids);
    for (int restart = 0; restart < 2; restart++) {
        harness_run(loop); /* the removal goes on in the background */
        assert_true(log_statistics(log)->bytes <= KEPT + SEGMENT_BYTES);
        assert_int_equal(count_files(path, ".log"), log_statistics(log)->segments);
        assert_int_equal(log_statistics(log)->damaged, 0);
        const struct log_stream *stream = find(log, "s");
        assert_in_range(stream->count, 40, 120);
        assert_int_equal(stream->bytes, stream->count * BYTES);
        assert_int_equal(stream->last, ids[COUNT - 1]);
        assert_int_equal(stream->lost, ids[COUNT - (int)stream->count - 1]);
        assert_int_equal(stream->first, ids[COUNT - (int)stream->count]);

        struct history history = read_from(loop, log, "s", ids[3]);
        assert_int_equal(history.gaps, 1);
        assert_int_equal(history.seen[0].gap.after, ids[3]);
        assert_int_equal(history.seen[0].gap.first, stream->lost + 1);
        assert_events(&history, COUNT - (int)stream->count, (int)stream->count, BYTES, ids);
        history_free(&history);
        history = read_from(loop, log, "s", LOG_START);
        assert_int_equal(history.gaps, 0);
        assert_int_equal(history.events, stream->count);
        history_free(&history);
        history = read_from(loop, log, "s", stream->lost);
        assert_int_equal(history.gaps, 0);
        history_free(&history);

        /* A stream of which nothing is kept still exists, knows its last id, and does not tell a
         * gap to one who has seen it all.
         */
        assert_int_equal(find(log, "quiet")->count, 0);
        assert_int_equal(find(log, "quiet")->last, quiet);
        history = read_from(loop, log, "quiet", quiet);
        assert_int_equal(history.count, 0);
        history_free(&history);
        history = read_from(loop, log, "quiet", quiet - 1);
        assert_int_equal(history.gaps, 1);
        history_free(&history);
        close_log(loop, log);
        log = open_log(loop, path, &options);
    }
    close_log(loop, log);
}

/* Gives: how many places are damaged, as a look, or a start, finds them. */
static uint64_t damaged_in(struct hark_loop *loop, const char *path, bool inspect)
{
    struct log_options options = {.segment_bytes = SEGMENT_BYTES, .inspect = inspect};
    memset(&reports, 0, sizeof reports);
    struct log *log = open_log(loop, path, &options);
    uint64_t damaged = log_statistics(log)->damaged;
    harness_run(loop);
    close_log(loop, log);
    return damaged;
}

/* As a crash would leave it, at each step of the removals. */
BACKEND_TEST(what_retention_takes_is_never_told_as_lost)
{
    enum { COUNT = 40, BYTES = 3000 };
    static unsigned char bytes[BYTES];
    char path[4096], copy[4096], command[16384];
    struct log_options options = {.segment_bytes = 4096, .retain_bytes = 12000};
    snprintf(path, sizeof path, "%s", harness_path("data"));
    snprintf(copy, sizeof copy, "%s", harness_path("copy"));
    snprintf(command, sizeof command, "rm -rf '%s' && cp -r '%s' '%s'", copy, path, copy);
    struct log *log = open_log(loop, path, &options);
    for (int i = 0; i < COUNT; i++) {
        append_bytes(loop, log, "s", bytes, sizeof bytes);
        for (int turn = 0; turn < i % 8; turn++)
            assert_true(hark_run_ready(loop) >= 0);
        assert_int_equal(system(command), 0);
        assert_int_equal(damaged_in(loop, copy, true), 0);
    }
    assert_true(log_statistics(log)->removed > COUNT / 2);
    close_log(loop, log);
    assert_true(count_files(path, ".log") > 2);
    options.retain_bytes = 1; /* all but the newest go at once */
    log = open_log(loop, path, &options);
    harness_run(loop);
    assert_int_equal(count_files(path, ".log"), 1);
    close_log(loop, log);
    assert_int_equal(damaged_in(loop, path, true), 0);
}

BACKEND_TEST(an_oldest_segment_that_is_lost_with_its_index_is_told_once)
{
    enum { COUNT = 100, BYTES = 3000 };
    static uint64_t ids[COUNT];
    char names[64][64], index[64];
    const char *path = harness_path("data");
    struct log_options options = {.segment_bytes = SEGMENT_BYTES};
    struct log *log = open_log(loop, path, &options);
    fill(loop, log, "s", 0, COUNT, BYTES, ids);
    close_log(loop, log);
    for (int lost = 1; lost < 3; lost++) {
        int count = list_files(path, ".log", names, 64);
        assert_in_range(count, lost + 1, 64);
        for (int i = 0; i < lost; i++) {
            snprintf(index, sizeof index, "%.20s.idx", names[i]);
            assert_int_equal(unlink(inside(path, names[i])), 0);
            assert_int_equal(unlink(inside(path, index)), 0);
        }
        for (int look = 0; look < 2; look++) {
            assert_int_equal(damaged_in(loop, path, true), 1);
            assert_true(reported(names[0]));
        }
        assert_int_equal(damaged_in(loop, path, false), 1);
        assert_true(reported(names[0]));
        assert_true(reported("the oldest, is missing"));
        assert_int_equal(damaged_in(loop, path, false), 0);
        assert_int_equal(reports.count, 0);
        log = open_log(loop, path, &options);
        struct history history = read_from(loop, log, "s", ids[0]);
        assert_int_equal(history.gaps, 1);
        assert_int_equal(history.seen[0].id, 0);
        history_free(&history);
        close_log(loop, log);
    }
}

/* Before the stream was made, and what retention took of it: one gap, from where the reader
 * stood. */
BACKEND_TEST(gap_that_has_two_reasons_is_told_as_one)
{
    struct log_options options = {.segment_bytes = SEGMENT_BYTES, .retain_bytes = SEGMENT_BYTES};
    struct log *log = open_log(loop, harness_path("data"), &options);
    uint64_t before = append_text(loop, log, "other", "1");
    fill(loop, log, "s", 0, 60, 4000, NULL);
    const struct log_stream *stream = find(log, "s");
    assert_true(stream->generation > before && stream->lost > stream->generation);
    struct history history = read_from(loop, log, "s", before);
    assert_int_equal(history.gaps, 1);
    assert_int_equal(history.seen[0].gap.after, before);
    assert_int_equal(history.seen[0].gap.first, stream->lost + 1);
    history_free(&history);
    close_log(loop, log);
}

BACKEND_TEST(retention_that_was_made_smaller_removes_all_that_is_too_much_at_the_start)
{
    struct log_options smaller = {.segment_bytes = SEGMENT_BYTES,
                                  .retain_bytes = 2 * SEGMENT_BYTES};
    const char *path = harness_path("data");
    struct log *log = open_log(loop, path, &small_segments);
    fill(loop, log, "s", 0, 100, 4000, NULL);
    close_log(loop, log);
    assert_true(count_files(path, ".log") > 5);
    log = open_log(loop, path, &smaller);
    assert_true(log_statistics(log)->bytes <= smaller.retain_bytes);
    harness_run(loop);
    assert_int_equal(count_files(path, ".log"), log_statistics(log)->segments);
    close_log(loop, log);
}

BACKEND_TEST(segments_in_which_all_was_deleted_go_at_once)
{
    enum { COUNT = 60, BYTES = 4000 };
    static uint64_t ids[2 * COUNT];
    const char *path = harness_path("data");
    struct log *log = open_log(loop, path, &small_segments);
    fill(loop, log, "kept", 0, 20, BYTES, ids);
    fill(loop, log, "gone", 0, COUNT, BYTES, NULL);
    fill(loop, log, "kept", 20, 3, BYTES, ids);
    uint64_t before = log_statistics(log)->segments;
    assert_int_equal(log_statistics(log)->dead_bytes, 0);
    assert_true(delete_stream(loop, log, "gone") > 0);
    harness_run(loop); /* the removal goes on in the background */
    assert_in_range(log_statistics(log)->segments, 3, before - 2);
    assert_int_equal(log_statistics(log)->removed, before - log_statistics(log)->segments);
    assert_in_range(log_statistics(log)->dead_bytes, BYTES,
                    2 * SEGMENT_BYTES); /* what shares its segment with others */
    for (int restart = 0; restart < 3; restart++) {
        assert_int_equal(count_files(path, ".log"), log_statistics(log)->segments);
        assert_null(find(log, "gone"));
        struct history history = read_from(loop, log, "kept", find(log, "kept")->generation);
        assert_int_equal(history.gaps, 0);
        assert_events(&history, 0, 23 + restart, BYTES, ids);
        history_free(&history);
        close_log(loop, log);
        if (restart == 1)
            remove_files(path, ".idx");
        log = open_log(loop, path, &small_segments);
        assert_in_range(log_statistics(log)->dead_bytes, BYTES, 2 * SEGMENT_BYTES);
        fill(loop, log, "kept", 23 + restart, 1, BYTES, ids);
    }
    assert_int_equal(log_statistics(log)->damaged, 0);
    assert_true(delete_stream(loop, log, "kept") > 0);
    harness_run(loop);
    assert_int_equal(log_statistics(log)->segments, 1);
    close_log(loop, log);
    assert_int_equal(reports.count, 0);
}

/* Reads the same again and again, as long as it is there. */
struct repeated {
    struct log_cursor cursor;
    struct log *log;
    uint64_t stream;
    unsigned char buffer[LOG_READ_BYTES_MIN];
    bool ended;
};

static void read_repeatedly(struct log_cursor *cursor, int64_t result)
{
    struct repeated *repeated = hark_container_of(cursor, struct repeated, cursor);
    repeated->ended = result <= 0;
    if (repeated->ended) {
        assert_result(result, -ENOENT);
        return;
    }
    log_cursor_place(cursor, repeated->stream, LOG_START);
    log_read(repeated->log, cursor, repeated->buffer, sizeof repeated->buffer, read_repeatedly);
}

BACKEND_TEST(a_segment_that_is_dropped_under_a_reader_goes_after_the_read)
{
    static struct repeated readings[4]; /* one of them holds it at any time */
    const char *path = harness_path("data");
    struct log *log = open_log(loop, path, &small_segments);
    fill(loop, log, "gone", 0, 40, 4000, NULL);
    struct append gone;
    for (int i = 0; i < 4; i++) {
        readings[i] = (struct repeated){.log = log, .stream = find(log, "gone")->generation};
        log_cursor_place(&readings[i].cursor, readings[i].stream, LOG_START);
        log_read(log, &readings[i].cursor, readings[i].buffer, sizeof readings[i].buffer,
                 read_repeatedly);
        assert_true(hark_run_once(loop) >= 0);
    }
    change_start(log, &gone, (struct log_append){.kind = LOG_DELETE, .name = "gone"});
    harness_run_until(loop, &gone.ended);
    assert_true(gone.result > 0);
    for (int i = 0; i < 4; i++)
        harness_run_until(loop, &readings[i].ended);
    harness_run(loop);
    assert_int_equal(count_files(path, ".log"), 1);
    close_log(loop, log);
}

BACKEND_TEST(retention_never_removes_the_segment_in_use)
{
    struct log_options options = {
        .segment_bytes = SEGMENT_BYTES, .retain_bytes = 1, .retain_age_ns = 1};
    const char *path = harness_path("data");
    struct log *log = open_log(loop, path, &options);
    uint64_t last = 0;
    for (int i = 0; i < 5; i++) {
        fill(loop, log, "s", 0, 10, 5000, NULL);
        last = append_text(loop, log, "s", "newest");
        struct history history = read_from(loop, log, "s", last - 1);
        assert_int_equal(history.count, 1);
        history_free(&history);
        assert_int_equal(log_statistics(log)->segments, 1);
        close_log(loop, log);
        assert_int_equal(count_files(path, ".log"), 1);
        log = open_log(loop, path, &options);
        assert_int_equal(find(log, "s")->last, last);
        assert_int_equal(log_statistics(log)->segments, 1);
    }
    assert_true(append_text(loop, log, "s", "ids go on") > last);
    close_log(loop, log);
}

BACKEND_TEST(retention_by_age_waits_for_the_moment_and_then_removes)
{
    const uint64_t age_ns = 300000000;
    struct log_options options = {
        .segment_bytes = SEGMENT_BYTES, .retain_age_ns = age_ns, .sync = LOG_SYNC_NEVER};
    struct log *log = open_log(loop, harness_path("data"), &options);
    uint64_t began_ns = hark_os_clock(loop);
    uint64_t first = append_text(loop, log, "s", "old");
    fill(loop, log, "s", 0, 40, 4000, NULL);
    assert_true(log_statistics(log)->segments + log_statistics(log)->removed > 2);
    while (log_statistics(log)->removed == 0)
        assert_true(hark_run_once(loop) >= 0);
    assert_true(hark_os_clock(loop) - began_ns >= age_ns);
    harness_run(loop); /* it ends when the last timer has removed the last sealed segment */
    assert_int_equal(log_statistics(log)->segments, 1);
    assert_true(log_statistics(log)->removed >= 2);
    struct history history = read_from(loop, log, "s", first);
    assert_int_equal(history.gaps, 1);
    history_free(&history);
    close_log(loop, log);
}

BACKEND_TEST(a_segment_removed_under_a_reader_is_read_to_the_end_of_the_read)
{
    enum { COUNT = 40, BYTES = 4000 };
    static uint64_t ids[COUNT];
    static unsigned char buffer[LOG_READ_BYTES_MIN];
    struct log_options options = {
        .segment_bytes = SEGMENT_BYTES, .retain_bytes = SEGMENT_BYTES, .open_segments_max = 1};
    struct log *log = open_log(loop, harness_path("data"), &options);
    fill(loop, log, "s", 0, 12, BYTES, ids);
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
    struct log_options options = {.segment_bytes = SEGMENT_BYTES, .open_segments_max = 1};
    struct log *log = open_log(loop, harness_path("data"), &options);
    fill(loop, log, "s", 0, 60, 4000, NULL);
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
