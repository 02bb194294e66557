/* test_sleep_move.c - a timer in flight is moved: later, earlier, in its own callback, too late. */
#include "harness/harness.h"

#include <errno.h>

static const uint64_t hour_ns = 3600000000000u, millisecond_ns = 1000000;

BACKEND_TEST(sleep_moved_later_comes_once_at_its_last_time)
{
    struct harness_op moved = {0};
    struct harness_op other = {0};
    uint64_t start = hark_os_clock(loop);
    hark_sleep_until(loop, &moved.op, start + millisecond_ns, harness_done);
    hark_sleep_until(loop, &other.op, start + 2 * millisecond_ns, harness_done);
    for (uint64_t i = 1; i <= 1000; i++)
        assert_result(hark_sleep_move(&moved.op, start + 2 * millisecond_ns + i), 0);
    harness_run(loop);
    assert_int_equal(moved.calls, 1);
    assert_result(moved.result, 0);
    assert_int_equal(other.order, 1);
    assert_true(hark_now(loop) >= start + 2 * millisecond_ns + 1000);
}

BACKEND_TEST(sleep_moved_earlier_comes_before_the_others)
{
    struct harness_op moved = {0};
    struct harness_op other = {0};
    uint64_t start = hark_os_clock(loop);
    hark_sleep_until(loop, &other.op, start + 2 * millisecond_ns, harness_done);
    hark_sleep_until(loop, &moved.op, HARK_NEVER, harness_done);
    assert_result(hark_sleep_move(&moved.op, start + millisecond_ns), 0);
    harness_run(loop);
    assert_int_equal(moved.order, 1);
}

BACKEND_TEST(sleep_moved_to_a_time_that_has_passed_comes_in_the_next_turn)
{
    struct harness_op moved = {0};
    hark_sleep(loop, &moved.op, hour_ns, harness_done);
    assert_result(hark_sleep_move(&moved.op, 0), 0);
    assert_int_equal(moved.calls, 0); /* never from inside the call */
    assert_result(hark_run_once(loop), 0);
    assert_int_equal(moved.calls, 1);
    assert_result(moved.result, 0);
}

/* Equal times are called in the order in which they were given: a move gives anew. */
BACKEND_TEST(sleep_moved_to_the_time_of_another_comes_behind_it)
{
    struct harness_op moved = {0};
    struct harness_op other = {0};
    uint64_t at = hark_os_clock(loop) + millisecond_ns;
    hark_sleep_until(loop, &moved.op, at - 1, harness_done);
    hark_sleep_until(loop, &other.op, at, harness_done);
    assert_result(hark_sleep_move(&moved.op, at), 0);
    harness_run(loop);
    assert_int_equal(other.order, 1);
    assert_int_equal(moved.order, 2);
}

BACKEND_TEST(sleep_moved_past_its_deadline_times_out_there)
{
    struct harness_op moved = {0};
    uint64_t start = hark_os_clock(loop);
    hark_sleep_until(loop, &moved.op, start + hour_ns, harness_done);
    hark_op_deadline(&moved.op, start + millisecond_ns);
    assert_result(hark_sleep_move(&moved.op, start + 2 * hour_ns), 0);
    harness_run(loop);
    assert_result(moved.result, -ETIMEDOUT);
}

/* The earlier timer of the same turn moves the later one, whose time has come as well. */
static void move_the_other(struct harness_op *self, int64_t result)
{
    struct harness_op *other = self->context;
    assert_result(result, 0);
    assert_result(hark_sleep_move(&other->op, HARK_NEVER), -EALREADY);
}

BACKEND_TEST(sleep_whose_time_has_come_is_not_moved)
{
    struct harness_op other = {0};
    struct harness_op first = {.then = move_the_other, .context = &other};
    hark_sleep_until(loop, &first.op, 0, harness_done);
    hark_sleep_until(loop, &other.op, 1, harness_done);
    harness_run(loop);
    assert_int_equal(first.calls, 1);
    assert_result(other.result, 0);
    assert_result(hark_sleep_move(&other.op, HARK_NEVER), -EALREADY); /* not in flight */
}

BACKEND_TEST(sleep_that_was_cancelled_is_not_moved)
{
    struct harness_op moved = {0};
    hark_sleep(loop, &moved.op, hour_ns, harness_done);
    hark_cancel(&moved.op);
    assert_result(hark_sleep_move(&moved.op, 0), -EALREADY);
    harness_run(loop);
    assert_result(moved.result, -ECANCELED);
}

enum { CALLS = 4 };

/* From its second call on it goes on an hour before its time. */
static void hurry(struct harness_op *self, int64_t result)
{
    if (!hark_op_more(&self->op))
        return;
    assert_result(result, 1);
    if (self->calls == CALLS)
        return hark_cancel(&self->op);
    assert_result(hark_sleep_move(&self->op, hark_now(self->op.loop) + millisecond_ns), 0);
}

BACKEND_TEST(every_moves_itself_and_goes_on_in_its_periods_from_there)
{
    struct harness_op every = {.then = hurry};
    hark_every(loop, &every.op, hour_ns, harness_done);
    assert_result(hark_sleep_move(&every.op, hark_now(loop) + millisecond_ns), 0);
    harness_run(loop);
    assert_int_equal(every.calls, CALLS + 1);
    assert_result(every.result, -ECANCELED);
}

static void move_when_cancelled(struct harness_op *self, int64_t result)
{
    if (result < 0)
        return;
    hark_cancel(&self->op);
    assert_result(hark_sleep_move(&self->op, 0), -EALREADY);
}

BACKEND_TEST(every_that_was_cancelled_in_its_callback_is_not_moved)
{
    struct harness_op every = {.then = move_when_cancelled};
    hark_every(loop, &every.op, millisecond_ns, harness_done);
    harness_run(loop);
    assert_int_equal(every.calls, 2);
    assert_result(every.result, -ECANCELED);
}

/* Its next time is past the end of the clock: it never comes, rather than at once. */
BACKEND_TEST(every_of_a_period_that_the_clock_does_not_reach_comes_once)
{
    struct harness_op every = {0};
    struct harness_op other = {0};
    hark_every(loop, &every.op, HARK_NEVER, harness_done);
    assert_result(hark_sleep_move(&every.op, hark_now(loop)), 0);
    hark_sleep(loop, &other.op, millisecond_ns, harness_done);
    assert_result(harness_wait(loop, &other), 0);
    assert_int_equal(every.calls, 1);
    assert_result(every.result, 1);
    hark_cancel(&every.op);
    harness_run(loop);
    assert_int_equal(every.calls, 2);
    assert_result(every.result, -ECANCELED);
}
