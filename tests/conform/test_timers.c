/* test_timers.c - sleep, sleep_until, every. Promise 7: nanoseconds, never early, by deadline and
 * then by start. */
#include "harness/harness.h"
#include "harness/world.h"

#include <errno.h>
#include <stdlib.h>

static const uint64_t hour_ns = 3600000000000u;

BACKEND_TEST(promise_07_sleep_is_never_early)
{
    static const uint64_t durations[] = {0, 1, 999, 1000, 50000, 999999, 1000000, 1000001, 5500000};
    for (size_t index = 0; index < sizeof durations / sizeof durations[0]; index++) {
        struct harness_op timer = {0};
        uint64_t before = hark_os_clock(loop);
        hark_sleep(loop, &timer.op, durations[index], harness_done);
        harness_run(loop);
        assert_result(timer.result, 0);
        assert_true(hark_os_clock(loop) >= before + durations[index]);
    }
}

static void check_not_early(struct harness_op *self, int64_t result)
{
    uint64_t at = (uint64_t)(uintptr_t)self->context;
    assert_result(result, 0);
    assert_true(hark_now(self->op.loop) >= at);
}

BACKEND_TEST(promise_07_sleep_until_is_called_when_now_has_reached_it)
{
    static struct harness_op timers[200];
    uint64_t start = hark_os_clock(loop);
    for (unsigned index = 0; index < 200; index++) {
        uint64_t at = start + (index * 7919u) % 3000000u;
        timers[index].then = check_not_early;
        timers[index].context = (void *)(uintptr_t)at;
        hark_sleep_until(loop, &timers[index].op, at, harness_done);
    }
    harness_run(loop);
}

BACKEND_TEST(promise_07_timers_come_by_deadline_then_by_start)
{
    enum { TIMERS = 500 };
    static struct harness_op timers[TIMERS];
    static uint64_t at[TIMERS];
    uint64_t start = hark_os_clock(loop) + 2000000;
    for (unsigned index = 0; index < TIMERS; index++) {
        at[index] = start + (index * 31u) % 16u; /* many share one deadline */
        hark_sleep_until(loop, &timers[index].op, at[index], harness_done);
    }
    harness_run(loop);
    for (int one = 0; one < TIMERS; one++)
        for (int other = one + 1; other < TIMERS; other++)
            assert_true((timers[one].order < timers[other].order) == (at[one] <= at[other]));
}

/* A wait that is rounded down would be tried again and again. */
BACKEND_TEST(promise_09_parts_of_a_millisecond_are_slept_through)
{
    const struct hark_metrics *metrics = hark_loop_metrics(loop);
    uint64_t turns = metrics->turns;
    for (int round = 0; round < 10; round++) {
        struct harness_op timer = {0};
        hark_sleep(loop, &timer.op, 1900000, harness_done);
        harness_run(loop);
    }
    assert_true(metrics->turns - turns <= 100);
}

BACKEND_TEST(promise_07_deadline_that_changes_nothing_keeps_the_place_among_equals)
{
    struct harness_op timers[3] = {0};
    uint64_t at_ns = hark_os_clock(loop) + 1000000;
    for (int index = 0; index < 3; index++)
        hark_sleep_until(loop, &timers[index].op, at_ns, harness_done);
    hark_op_deadline(&timers[0].op, at_ns + 1);
    hark_op_deadline(&timers[1].op, HARK_NEVER);
    harness_run(loop);
    for (unsigned index = 0; index < 3; index++)
        assert_int_equal(timers[index].order, index + 1);
}

BACKEND_TEST(sleep_until_in_the_past_comes_in_the_next_turn)
{
    struct harness_op timer = {0};
    hark_sleep_until(loop, &timer.op, 0, harness_done);
    assert_int_equal(timer.calls, 0);
    harness_run(loop);
    assert_result(timer.result, 0);
}

BACKEND_TEST(sleep_past_the_end_of_the_clock_never_comes)
{
    struct harness_op longest = {0};
    struct harness_op almost = {0};
    hark_sleep(loop, &longest.op, UINT64_MAX, harness_done);
    hark_sleep(loop, &almost.op, UINT64_MAX - 1, harness_done);
    harness_turns(loop, 5);
    assert_int_equal(longest.calls + almost.calls, 0);
    hark_cancel(&longest.op);
    hark_cancel(&almost.op);
    harness_run(loop);
    assert_result(longest.result, -ECANCELED);
    assert_result(almost.result, -ECANCELED);
}

static void cancel_after_five(struct harness_op *self, int64_t result)
{
    if (result < 0)
        return;
    assert_true(hark_op_more(&self->op));
    if (self->calls == 5)
        hark_cancel(&self->op);
}

BACKEND_TEST(every_calls_again_and_again_and_does_not_drift)
{
    struct harness_op ticks = {.then = cancel_after_five};
    uint64_t start = hark_os_clock(loop);
    hark_every(loop, &ticks.op, 1000000, harness_done);
    harness_run(loop);
    assert_int_equal(ticks.calls, 6);
    assert_result(ticks.result, -ECANCELED);
    assert_true(ticks.total >= 5); /* periods that a late loop has missed are counted */
    assert_true(hark_os_clock(loop) >= start + ticks.total * 1000000);
}

static void burn_once(struct harness_op *self, int64_t result)
{
    if (result < 0)
        return;
    if (self->calls == 1) {
        uint64_t until = hark_os_clock(self->op.loop) + 5000000;
        while (hark_os_clock(self->op.loop) < until)
            ;
    } else {
        assert_true(result >= 4); /* the periods that went by meanwhile */
        hark_cancel(&self->op);
    }
}

BACKEND_TEST(every_counts_the_periods_that_a_late_loop_missed)
{
    struct harness_op ticks = {.then = burn_once};
    hark_every(loop, &ticks.op, 1000000, harness_done);
    harness_run(loop);
    assert_int_equal(ticks.calls, 3);
}

BACKEND_TEST(every_with_period_zero_gives_einval)
{
    struct harness_op ticks = {0};
    hark_every(loop, &ticks.op, 0, harness_done);
    harness_run(loop);
    assert_int_equal(ticks.calls, 1);
    assert_result(ticks.result, -EINVAL);
}

BACKEND_TEST(every_ends_at_its_deadline_with_etimedout)
{
    struct harness_op ticks = {0};
    uint64_t start = hark_os_clock(loop);
    hark_every(loop, &ticks.op, 1000000, harness_done);
    hark_op_deadline(&ticks.op, start + 3500000);
    harness_run(loop);
    assert_result(ticks.result, -ETIMEDOUT);
    for (int call = 0; call + 1 < ticks.calls; call++)
        assert_true(ticks.more[call] && ticks.results[call] > 0);
    assert_true(ticks.total <= (hark_os_clock(loop) - start) /
                                   1000000); /* never early; on a slow machine it may be late */
}

BACKEND_TEST(every_with_a_period_longer_than_the_clock_never_comes)
{
    struct harness_op ticks = {0};
    hark_every(loop, &ticks.op, UINT64_MAX, harness_done);
    harness_turns(loop, 3);
    assert_int_equal(ticks.calls, 0);
    hark_cancel(&ticks.op);
    harness_run(loop);
    assert_result(ticks.result, -ECANCELED);
}

BACKEND_TEST(promise_07_deadline_before_the_sleep_ends_gives_etimedout)
{
    struct harness_op timer = {0};
    uint64_t deadline = hark_os_clock(loop) + 500000;
    hark_sleep(loop, &timer.op, hour_ns, harness_done);
    hark_op_deadline(&timer.op, deadline);
    harness_run(loop);
    assert_result(timer.result, -ETIMEDOUT);
    assert_true(hark_os_clock(loop) >= deadline);
}

BACKEND_TEST(deadline_after_the_sleep_ends_does_nothing)
{
    struct harness_op timer = {0};
    hark_sleep(loop, &timer.op, 1000, harness_done);
    hark_op_deadline(&timer.op, hark_os_clock(loop) + hour_ns);
    harness_run(loop);
    assert_result(timer.result, 0);
}

BACKEND_TEST(deadline_may_be_moved_later_and_earlier)
{
    struct harness_op timer = {0};
    hark_sleep_until(loop, &timer.op, HARK_NEVER, harness_done);
    hark_op_deadline(&timer.op, hark_os_clock(loop) + hour_ns);
    hark_op_deadline(&timer.op, hark_os_clock(loop) + 2 * hour_ns);
    hark_op_deadline(&timer.op, hark_os_clock(loop) + 1000);
    harness_run(loop);
    assert_result(timer.result, -ETIMEDOUT);
}

BACKEND_TEST(deadlines_of_a_nop_and_of_a_defer_may_lose_but_give_one_call)
{
    struct harness_op nop = {0};
    struct harness_op deferred = {0};
    hark_nop(loop, &nop.op, harness_done);
    hark_op_deadline(&nop.op, 0);
    hark_defer(loop, &deferred.op, harness_done);
    hark_op_deadline(&deferred.op, 0);
    harness_run(loop);
    assert_true(nop.result == 0 || nop.result == -ETIMEDOUT);
    assert_true(deferred.result == 0 || deferred.result == -ETIMEDOUT);
    assert_int_equal(nop.calls + deferred.calls, 2);
}

BACKEND_TEST(now_stands_still_inside_a_turn_and_never_goes_back)
{
    uint64_t last = 0;
    for (int turn = 0; turn < 20; turn++) {
        struct harness_op timer = {0};
        hark_sleep(loop, &timer.op, 1000, harness_done);
        harness_run(loop);
        assert_true(hark_now(loop) >= last);
        last = hark_now(loop);
        assert_true(last <= hark_os_clock(loop));
    }
}

static uint64_t timers_ended;

static void count_ended(struct hark_op *op, int64_t result)
{
    (void)op;
    assert_result(result, -ECANCELED);
    timers_ended++;
}

BACKEND_TEST(million_timers_at_once_start_and_cancel)
{
    enum { TIMERS = 1000000 };
    struct hark_op *timers = calloc(TIMERS, sizeof *timers);
    if (harness_in_world())
        harness_skip("it is about real time");
    assert_non_null(timers);
    uint64_t late = hark_os_clock(loop) + hour_ns;
    for (uint64_t index = 0; index < TIMERS; index++)
        hark_sleep_until(loop, &timers[index], late + index * 7919u % TIMERS, count_ended);
    assert_int_equal(hark_loop_active(loop), TIMERS);
    for (uint64_t index = 0; index < TIMERS; index++)
        hark_cancel(&timers[index * 7919u % TIMERS]);
    harness_run(loop);
    assert_int_equal(timers_ended, TIMERS);
    free(timers);
}
