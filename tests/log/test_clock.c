/* test_clock.c - retention by age where the wall clock is set while the log is used. */
#include "fault/faults.h"
#include "log/fixture.h"

FILES_IN_MEMORY

enum { SEGMENT_BYTES = 16 * 1024 };

static const struct log_options options = {.segment_bytes = SEGMENT_BYTES,
                                           .retain_age_ns = 300000000};
/* While segments are written and counted nothing gets older, however long it takes. */
static void stand_still(struct hark_loop *loop)
{
    fault_clock_stands(CLOCK_REALTIME, hark_os_wall_clock(loop));
}

static void go_on(void)
{
    fault_clock_stands(CLOCK_REALTIME, 0);
}

/* How wrong the wall clock is. */
static void set_ahead(int64_t years)
{
    fault_clock_ahead(CLOCK_REALTIME, years * 365 * 24 * 3600 * 1000000000);
}

/* Enough for some segments. */
static void fill(struct hark_loop *loop, struct log *log)
{
    static const char bytes[4000];
    for (int i = 0; i < 20; i++)
        append_bytes(loop, log, "s", bytes, sizeof bytes);
}

BACKEND_TEST(segments_written_while_the_clock_was_ahead_go_with_those_after_them)
{
    struct log *log = open_log(loop, harness_path("data"), &options);
    stand_still(loop);
    set_ahead(1);
    fill(loop, log);
    set_ahead(0);
    fill(loop, log);
    assert_true(log_statistics(log)->segments > 4);
    go_on();
    harness_run(loop); /* it ends when the last timer has removed the last sealed segment */
    assert_int_equal(log_statistics(log)->segments, 1);
    close_log(loop, log);
}

BACKEND_TEST(segments_go_in_time_where_the_clock_is_set_forward_while_one_waits)
{
    const char *path = harness_path("data");
    struct log *log = open_log(loop, path, &options);
    stand_still(loop);
    fill(loop, log);
    close_log(loop, log);
    set_ahead(-1);
    log = open_log(loop, path, &options);
    assert_true(log_statistics(log)->segments > 1);
    go_on();
    set_ahead(0);
    harness_run(loop);
    assert_int_equal(log_statistics(log)->segments, 1);
    close_log(loop, log);
}
