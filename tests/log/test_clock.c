/* test_clock.c - retention by age where the wall clock is set while the log is used. */
#include "fixture.h"

#include <sys/syscall.h>
#include <time.h>

FILES_IN_MEMORY

enum { SEGMENT_BYTES = 16 * 1024 };

static const struct log_options options = {.segment_bytes = SEGMENT_BYTES, .retain_age_ns = 300000000};
static const time_t year_s = 365 * 24 * 3600;
static time_t ahead_s; /* by how much the wall clock is wrong */

/* Stands in for the C library's: the wall clock can be set, and only that one. */
int clock_gettime(clockid_t clock, struct timespec *time)
{
    int result = (int)syscall(SYS_clock_gettime, clock, time);
    if (result == 0 && clock == CLOCK_REALTIME)
        time->tv_sec += ahead_s;
    return result;
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
    ahead_s = year_s;
    fill(loop, log);
    ahead_s = 0;
    fill(loop, log);
    assert_true(log_statistics(log)->segments > 4);
    harness_run(loop); /* it ends when the last timer has removed the last sealed segment */
    assert_int_equal(log_statistics(log)->segments, 1);
    close_log(loop, log);
}

BACKEND_TEST(segments_go_in_time_where_the_clock_is_set_forward_while_one_waits)
{
    const char *path = harness_path("data");
    struct log *log = open_log(loop, path, &options);
    fill(loop, log);
    close_log(loop, log);
    ahead_s = -year_s;
    log = open_log(loop, path, &options);
    assert_true(log_statistics(log)->segments > 1);
    ahead_s = 0;
    harness_run(loop);
    assert_int_equal(log_statistics(log)->segments, 1);
    close_log(loop, log);
}
