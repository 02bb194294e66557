/* test_milliseconds.c - epoll where its precise wait is missing (before Linux 5.11): it waits in
 * whole milliseconds, rounded up, so that no wait that should sleep is one that looks and returns.
 * What is asked of the kernel is looked at, no time. */
#include "fault/faults.h"

#include <limits.h>

static uint64_t looks; /* waits that do not sleep */
static int longest;
static bool for_ever;
static bool wakes_at_once; /* a wait that sleeps is cut short */

int kernel_epoll_pwait2(uint64_t *calls, int epoll, struct epoll_event *events, int room,
                        const struct timespec *timeout)
{
    (void)calls, (void)epoll, (void)events, (void)room, (void)timeout;
    return -ENOSYS;
}

int kernel_epoll_wait(uint64_t *calls, int epoll, struct epoll_event *events, int room,
                      int timeout_ms)
{
    (void)calls;
    looks += timeout_ms == 0;
    for_ever |= timeout_ms < 0;
    longest = timeout_ms > longest ? timeout_ms : longest;
    int count = epoll_wait(epoll, events, room, wakes_at_once ? 0 : timeout_ms);
    return count < 0 ? -errno : count;
}

static struct hark_loop *begin(void)
{
    const struct hark_options options = {.backend = HARK_BACKEND_EPOLL};
    struct hark_loop *loop = NULL;
    assert_result(hark_loop_create(&options, &loop), 0);
    looks = 0;
    longest = 0;
    for_ever = wakes_at_once = false;
    return loop;
}

/* Waits once, for that long, and returns at once. */
static void wait_once(struct hark_loop *loop, uint64_t until_ns)
{
    struct harness_op op = {0};
    wakes_at_once = true;
    hark_sleep_until(loop, &op.op, until_ns, harness_done);
    assert_result(hark_run_once(loop), 1);
    wakes_at_once = false;
    hark_cancel(&op.op);
    harness_run(loop);
}

TEST(wait_of_less_than_a_millisecond_sleeps)
{
    struct hark_loop *loop = begin();
    const struct hark_metrics *metrics = hark_loop_metrics(loop);
    for (uint64_t ns = 100; ns < 5000000; ns = ns * 3 / 2) {
        struct harness_op op = {0};
        hark_sleep(loop, &op.op, ns, harness_done);
        harness_run(loop);
    }
    assert_true(metrics->sleeps > 0);
    assert_int_equal(looks, metrics->turns - metrics->sleeps);
    harness_loop_destroy(loop);
}

TEST(wait_of_years_is_the_longest_that_there_is)
{
    struct hark_loop *loop = begin();
    wait_once(loop, hark_os_clock(loop) + UINT64_C(1000) * 365 * 24 * 3600 * 1000000000);
    assert_int_equal(longest, INT_MAX);
    assert_false(for_ever);
    harness_loop_destroy(loop);
}

TEST(wait_without_an_end_has_none)
{
    struct hark_loop *loop = begin();
    wait_once(loop, HARK_NEVER);
    assert_true(for_ever);
    harness_loop_destroy(loop);
}
