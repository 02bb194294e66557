/* test_retention.c - the oldest segments go by bytes and by age: never the one in use, nor under a
 * reader, and what has gone is told as a gap. */
#include "log/numbered.h"

BACKEND_TEST(retention_by_bytes_removes_whole_segments_and_tells_a_gap)
{
    enum { COUNT = 300, BYTES = 3000, KEPT = 4 * SMALL_SEGMENT_BYTES };
    static uint64_t ids[COUNT];
    const char *path = harness_path("data");
    struct log_options options = {.segment_bytes = SMALL_SEGMENT_BYTES, .retain_bytes = KEPT};
    struct log *log = open_log(loop, path, &options);
    uint64_t quiet = append_text(loop, log, "quiet", "said once");
    append_numbered(loop, log, "s", 0, COUNT, BYTES, ids);
    for (int restart = 0; restart < 2; restart++) {
        harness_run(loop); /* the removal goes on in the background */
        assert_true(log_statistics(log)->bytes <= KEPT + SMALL_SEGMENT_BYTES);
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
        assert_numbered(&history, COUNT - (int)stream->count, (int)stream->count, BYTES, ids);
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
    struct log_options options = {.segment_bytes = SMALL_SEGMENT_BYTES, .inspect = inspect};
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
        /* The kernel may still be about a removal that was asked for: then a file that was listed
         * is not there any more. No further one follows, as the loop does not turn. */
        int copies = 1;
        while (system(command) != 0)
            assert_true(copies++ < 100);
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

BACKEND_TEST(an_oldest_segment_that_is_lost_with_its_index_is_told_at_each_start)
{
    enum { COUNT = 100, BYTES = 3000 };
    static uint64_t ids[COUNT];
    char names[64][64], index[64];
    const char *path = harness_path("data");
    struct log_options options = {.segment_bytes = SMALL_SEGMENT_BYTES};
    struct log *log = open_log(loop, path, &options);
    append_numbered(loop, log, "s", 0, COUNT, BYTES, ids);
    close_log(loop, log);
    for (int lost = 1, gone = 0; lost < 3; lost++) {
        gone += lost;
        int count = list_files(path, ".log", names, 64);
        assert_in_range(count, lost + 1, 64);
        for (int i = 0; i < lost; i++) {
            snprintf(index, sizeof index, "%.20s.idx", names[i]);
            assert_int_equal(unlink(inside(path, names[i])), 0);
            assert_int_equal(unlink(inside(path, index)), 0);
        }
        for (int look = 0; look < 2; look++) {
            assert_int_equal(damaged_in(loop, path, true), gone);
            assert_true(reported(names[0]));
        }
        assert_int_equal(damaged_in(loop, path, false), gone);
        assert_true(reported(names[0]));
        assert_true(reported("the oldest, is missing"));
        assert_int_equal(damaged_in(loop, path, false), gone);
        assert_int_equal(reports.count, gone);
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
    struct log_options options = {.segment_bytes = SMALL_SEGMENT_BYTES,
                                  .retain_bytes = SMALL_SEGMENT_BYTES};
    struct log *log = open_log(loop, harness_path("data"), &options);
    uint64_t before = append_text(loop, log, "other", "1");
    append_numbered(loop, log, "s", 0, 60, 4000, NULL);
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
    struct log_options smaller = {.segment_bytes = SMALL_SEGMENT_BYTES,
                                  .retain_bytes = 2 * SMALL_SEGMENT_BYTES};
    const char *path = harness_path("data");
    struct log *log = open_log(loop, path, &small_segments);
    append_numbered(loop, log, "s", 0, 100, 4000, NULL);
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
    append_numbered(loop, log, "kept", 0, 20, BYTES, ids);
    append_numbered(loop, log, "gone", 0, COUNT, BYTES, NULL);
    append_numbered(loop, log, "kept", 20, 3, BYTES, ids);
    uint64_t before = log_statistics(log)->segments;
    assert_int_equal(log_statistics(log)->dead_bytes, 0);
    assert_true(delete_stream(loop, log, "gone") > 0);
    harness_run(loop); /* the removal goes on in the background */
    assert_in_range(log_statistics(log)->segments, 3, before - 2);
    assert_int_equal(log_statistics(log)->removed, before - log_statistics(log)->segments);
    assert_in_range(log_statistics(log)->dead_bytes, BYTES,
                    2 * SMALL_SEGMENT_BYTES); /* what shares its segment with others */
    for (int restart = 0; restart < 3; restart++) {
        assert_int_equal(count_files(path, ".log"), log_statistics(log)->segments);
        assert_null(find(log, "gone"));
        struct history history = read_from(loop, log, "kept", find(log, "kept")->generation);
        assert_int_equal(history.gaps, 0);
        assert_numbered(&history, 0, 23 + restart, BYTES, ids);
        history_free(&history);
        close_log(loop, log);
        if (restart == 1)
            remove_files(path, ".idx");
        log = open_log(loop, path, &small_segments);
        assert_in_range(log_statistics(log)->dead_bytes, BYTES, 2 * SMALL_SEGMENT_BYTES);
        append_numbered(loop, log, "kept", 23 + restart, 1, BYTES, ids);
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
    append_numbered(loop, log, "gone", 0, 40, 4000, NULL);
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
        .segment_bytes = SMALL_SEGMENT_BYTES, .retain_bytes = 1, .retain_age_ns = 1};
    const char *path = harness_path("data");
    struct log *log = open_log(loop, path, &options);
    uint64_t last = 0;
    for (int i = 0; i < 5; i++) {
        append_numbered(loop, log, "s", 0, 10, 5000, NULL);
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
        .segment_bytes = SMALL_SEGMENT_BYTES, .retain_age_ns = age_ns, .sync = LOG_SYNC_NEVER};
    struct log *log = open_log(loop, harness_path("data"), &options);
    uint64_t began_ns = hark_os_clock(loop);
    uint64_t first = append_text(loop, log, "s", "old");
    append_numbered(loop, log, "s", 0, 40, 4000, NULL);
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
