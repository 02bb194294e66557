/* test_work_faults.c - a log is written, rolled, read and closed while the disk fails: each call
 * that this takes fails once.
 *
 * Whatever the call: what was answered with success is there, in order and once, now and after the
 * next start, and nothing that was answered with an error; the log takes events again, and closes.
 * What io_uring does is no call: the tests are for the other backends. */
#include "fault/faults.h"
#include "log/disk.h"

FILES_IN_MEMORY

enum { BATCHES = 6, BATCH = 4, EVENTS = BATCHES * BATCH + 1, BYTES = 300 };

static const struct log_options options = {
    .segment_bytes = 4096, .open_segments_max = 1, .retain_bytes = 12288};

/* Of each event: its id, or 0. */
static uint64_t answered[EVENTS];

static void answer(int number, int64_t result)
{
    answered[number] = result > 0 ? (uint64_t)result : 0;
}

static void append_batch(struct hark_loop *loop, struct log *log, int first)
{
    static struct append appends[BATCH];
    static unsigned char bytes[BATCH][BYTES];
    for (int i = 0; i < BATCH; i++) {
        harness_fill(bytes[i], BYTES, (uint64_t)(first + i));
        append_start(log, &appends[i], "s", bytes[i], BYTES);
    }
    harness_run_until(loop, &appends[BATCH - 1].ended);
    for (int i = 0; i < BATCH; i++) {
        assert_true(appends[i].ended);
        answer(first + i, appends[i].result);
    }
}

/* A disk may fail a read: then the cursor says so. */
static void read_somewhat(struct hark_loop *loop, struct log *log)
{
    static unsigned char buffer[LOG_READ_BYTES_MIN];
    struct reading reading = {0};
    const struct log_stream *stream = find(log, "s");
    if (!stream)
        return;
    log_cursor_init(&reading.cursor, stream, LOG_START);
    (void)read_once(loop, log, &reading, buffer, sizeof buffer);
}

static void work(struct hark_loop *loop, struct log *log)
{
    for (int batch = 0; batch < BATCHES; batch++) {
        append_batch(loop, log, batch * BATCH);
        (void)try_append(loop, log, "other", "x", 1);
        read_somewhat(loop, log);
        if (batch == BATCHES / 2)
            (void)delete_stream(loop, log, "other");
    }
}

/* Retention takes the oldest: what is there is the end of what was answered. */
static void check_answered(struct hark_loop *loop, struct log *log)
{
    struct history history = read_from(loop, log, "s", LOG_START);
    size_t place = history.count;
    int number = EVENTS;
    while (number-- > 0) {
        if (answered[number] == 0)
            continue;
        if (place == 0 || history.seen[place - 1].id == 0)
            break;
        place--;
        assert_int_equal(history.seen[place].id, answered[number]);
        assert_true(harness_filled(history.seen[place].bytes, BYTES, (uint64_t)number));
    }
    assert_true(place <= 1); /* the gap that retention has left is the first */
    assert_true(history.gaps <= 1 && history.events >= 4);
    history_free(&history);
}

/* Gives: whether the fault was met. */
static bool work_once(struct hark_loop *loop, const char *path, const struct fault *fault)
{
    unsigned char bytes[BYTES];
    memset(answered, 0, sizeof answered);
    struct log *log = open_log(loop, path, &options);
    int number = fault_begin(fault);
    work(loop, log);
    harness_fill(bytes, BYTES, EVENTS - 1);
    if (fault_met(number) > 0 || fault->after == 0) {
        fault_end(number);
        answer(EVENTS - 1, (int64_t)append_bytes(loop, log, "s", bytes, BYTES));
        check_answered(loop, log);
    }
    int closed = try_close(loop, log);
    fault_end(number);
    assert_true(closed == 0 || fault_met(number) > 0);
    log = open_log(loop, path, &options);
    check_answered(loop, log);
    close_log(loop, log);
    return fault_met(number) > 0;
}

static void fail_each(struct hark_loop *loop, int error)
{
    static const char calls[] = "kernel_openat kernel_pread kernel_pwrite kernel_pwritev "
                                "kernel_fsync kernel_fdatasync kernel_ftruncate kernel_fallocate "
                                "kernel_renameat2 kernel_unlinkat";
    char path[4096];
    not_on_uring();
    FAULT(.calls = "kernel_preadv2", .error = -EAGAIN, .times = FAULT_FOR_EVER);
    bool met = true;
    for (uint64_t after = 0; met; after++) {
        assert_true(after < 1000);
        snprintf(path, sizeof path, "%s-%u", harness_path("data"), (unsigned)after);
        const struct fault fault = {.calls = calls, .error = error, .after = after};
        met = work_once(loop, path, &fault);
        assert_true(met || after > 20);
    }
}

BACKEND_TEST(each_call_fails_once_and_what_was_answered_is_there)
{
    fail_each(loop, -EIO);
}

BACKEND_TEST(each_call_finds_no_space_once_and_what_was_answered_is_there)
{
    fail_each(loop, -ENOSPC);
}

BACKEND_TEST(each_call_lacks_a_descriptor_once_and_what_was_answered_is_there)
{
    fail_each(loop, -EMFILE);
}
