/* test_clock.c - retention by age where the wall clock is set while the log is used. */
#include "fixture.h"

#include <sys/syscall.h>
#include <time.h>

FILES_IN_MEMORY

enum { SEGMENT_BYTES = 16 * 1024 };

static const struct log_options options = {.segment_bytes = SEGMENT_BYTES,
                                           .retain_age_ns = 300000000};
static const time_t year_s = 365 * 24 * 3600;
static time_t ahead_s;         /* by how much the wall clock is wrong */
static struct timespec stands; /* where it stands still; 0: it does not */

/* Stands in for the C library's: the wall clock can be set, and only that one. */
int clock_gettime(clockid_t clock, struct timespec *time)
{
    int result = (int)syscall(SYS_clock_gettime, clock, time);
    if (result == 0 && clock == CLOCK_REALTIME) {
        *time = stands.tv_sec ? stands : *time;
        time->tv_sec += ahead_s;
    }
    return result;
}

/* While segments are written and counted nothing gets older, however long it takes. */
static void stand_still(void)
{
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &stands), 0);
}

static void go_on(void)
{
    stands = (struct timespec){0};
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
    stand_still();
    ahead_s = year_s;
    fill(loop, log);
    ahead_s = 0;
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
    stand_still();
    fill(loop, log);
    close_log(loop, log);
    ahead_s = -year_s;
    log = open_log(loop, path, &options);
    assert_true(log_statistics(log)->segments > 1);
    go_on();
    ahead_s = 0;
    harness_run(loop);
    assert_int_equal(log_statistics(log)->segments, 1);
    close_log(loop, log);
}
