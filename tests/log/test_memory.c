/* test_memory.c - the nth allocation fails, n = 1, 2, ... until a run in which none does; once
 * each, and then from there on for ever.
 *
 * What is asked of the log may fail with -ENOMEM; what was answered with success is there
 * afterwards, every request is answered, and the log closes. */
#include "fault/memory.h"
#include "harness/sanitizer.h"
#include "log/fixture.h"

FILES_IN_MEMORY

enum { ROUNDS = 8, BATCH = 6, EVENT_BYTES = 300 };

/* What was answered: the id, or 0, of each event by its number. */
static uint64_t answered[ROUNDS * BATCH];

static bool is_first_half(int number)
{
    return number % BATCH < BATCH / 2;
}

/* Everything that needs memory: new streams, rolls, reads from sealed segments, a deletion. Nothing
 * here may allocate itself. */
static void work(struct hark_loop *loop, struct log *log)
{
    static struct append appends[BATCH];
    static unsigned char event[BATCH][EVENT_BYTES], buffer[LOG_READ_BYTES_MIN];
    static char names[BATCH][16];
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < BATCH; i++) {
            int number = round * BATCH + i;
            harness_fill(event[i], EVENT_BYTES, (uint64_t)number);
            snprintf(names[i], sizeof names[i], is_first_half(number) ? "kept" : "other-%d",
                     number % 10);
            append_start(log, &appends[i], names[i], event[i], EVENT_BYTES);
        }
        harness_run_until(loop, &appends[BATCH - 1].ended);
        for (int i = 0; i < BATCH; i++) {
            assert_true(appends[i].ended);
            if (appends[i].result < 0)
                assert_result(appends[i].result, -ENOMEM);
            answered[round * BATCH + i] = appends[i].result < 0 ? 0 : (uint64_t)appends[i].result;
        }
        const struct log_stream *stream = find(log, "kept");
        struct reading reading = {0};
        if (stream) {
            log_cursor_init(&reading.cursor, stream, LOG_START);
            int64_t result = read_once(loop, log, &reading, buffer, sizeof buffer);
            assert_true(result >= 0 || result == -ENOMEM);
        }
        if (round == ROUNDS / 2)
            (void)delete_stream(loop, log, names[BATCH - 1]);
    }
}

static void check_answered(struct hark_loop *loop, struct log *log)
{
    struct history history = {0};
    size_t next = 0;
    if (find(log, "kept"))
        history = read_from(loop, log, "kept", LOG_START);
    assert_int_equal(history.gaps, 0);
    for (int number = 0; number < ROUNDS * BATCH; number++) {
        if (answered[number] == 0 || !is_first_half(number))
            continue;
        assert_true(next < history.count && history.seen[next].id == answered[number]);
        assert_true(harness_filled(history.seen[next++].bytes, EVENT_BYTES, (uint64_t)number));
    }
    assert_int_equal(next, history.count);
    history_free(&history);
}

/* Gives: whether an allocation was refused. */
static bool try_run(struct hark_loop *loop, const char *path, unsigned long number, bool for_ever)
{
    struct log_options options = {.segment_bytes = 4096,
                                  .open_segments_max = 2,
                                  .report = record_report,
                                  .report_context = &reports};
    struct log *log = NULL;
    struct opening opening = {0};
    memset(answered, 0, sizeof answered);
    memory_begin(number, for_ever);
    int error = log_open(loop, path, &options, opening_ended, &opening);
    if (error == 0) {
        harness_run_until(loop, &opening.ended);
        error = opening.result;
        log = opening.log;
    }
    assert_true(error == 0 || error == -ENOMEM);
    if (log) {
        work(loop, log);
        assert_true(try_close(loop, log) == 0 || memory_refused() > 0);
    }
    bool hit = memory_refused() > 0;
    memory_end();
    log = open_log(loop, path, NULL);
    check_answered(loop, log);
    close_log(loop, log);
    return hit;
}

BACKEND_TEST(each_allocation_fails_and_what_was_answered_is_there)
{
    if (SANITIZED)
        harness_skip("a sanitizer has the allocator to itself");
    for (int ever = 0; ever < 2; ever++) {
        bool hit = true;
        for (unsigned long number = 1; hit; number++) {
            char name[48];
            assert_true(number < 2000);
            snprintf(name, sizeof name, "data-%d-%lu", ever, number);
            hit = try_run(loop, harness_path(name), number, ever == 1);
            assert_true(hit || number > 10);
        }
    }
}
