/* test_expire.c - deadline_expire (core/deadline.h) against a clock that stands still: to the
 * nanosecond, and within its budget.
 */
#include "core/call.h"
#include "core/deadline.h"
#include "harness/harness.h"

#include <errno.h>

static struct hark_loop loop;

static void start(struct hark_op *op, enum hark_op_code code, uint64_t at_ns, uint64_t period_ns)
{
    if (!loop.checking)
        assert_int_equal(checking_init(&loop), 0);
    *op = (struct hark_op){.loop = &loop, .code = (uint8_t)code, .state = OP_TIMED};
    op->with.timer.at_ns = at_ns;
    op->with.timer.period_ns = period_ns;
    op->with.timer.deadline_ns = HARK_NEVER;
    assert_int_equal(timers_set(&loop.timers, op, at_ns), 0);
}

static void end(void)
{
    timers_done(&loop.timers);
    checking_done(&loop);
}

/* What expires at that time. */
static struct hark_op *expire_at(uint64_t now_ns, uint32_t budget)
{
    loop.now_ns = now_ns;
    deadline_expire(&loop, budget);
    return op_queue_pop(&loop.finished);
}

TEST(promise_07_timer_expires_at_its_nanosecond)
{
    struct hark_op op;
    start(&op, HARK_OP_SLEEP, 1000, 0);
    assert_null(expire_at(999, 10));
    assert_ptr_equal(expire_at(1000, 10), &op);
    assert_result(op.result, 0);
    assert_null(expire_at(1001, 10));
    end();
}

TEST(every_counts_the_periods_to_the_nanosecond)
{
    static const struct {
        uint64_t now_ns;
        int64_t periods;
        uint64_t next_ns;
    } cases[] = {{1000, 1, 1100}, {1099, 1, 1100}, {1100, 2, 1200}, {1950, 10, 2000}};
    for (size_t index = 0; index < sizeof cases / sizeof cases[0]; index++) {
        struct hark_op op;
        start(&op, HARK_OP_EVERY, 1000, 100);
        assert_ptr_equal(expire_at(cases[index].now_ns, 10), &op);
        assert_result(op.result, cases[index].periods);
        assert_int_equal(op.with.timer.at_ns, cases[index].next_ns);
    }
    end();
}

TEST(promise_11_deadline_expire_within_a_budget)
{
    struct hark_op ops[3];
    for (int index = 0; index < 3; index++)
        start(&ops[index], HARK_OP_SLEEP, 1000, 0);
    assert_ptr_equal(expire_at(2000, 2), &ops[0]);
    assert_ptr_equal(op_queue_pop(&loop.finished), &ops[1]);
    assert_null(op_queue_pop(&loop.finished));
    assert_ptr_equal(expire_at(2000, 2), &ops[2]);
    end();
}

TEST(promise_07_every_ends_at_its_deadline_between_two_periods)
{
    struct hark_op op;
    start(&op, HARK_OP_EVERY, 1000, 1000);
    op.with.timer.deadline_ns = 1500;
    assert_ptr_equal(expire_at(1000, 10), &op);
    assert_result(op.result, 1);
    op.state = OP_CALLING;
    call_continue(&loop, &op);
    assert_null(expire_at(1499, 10));
    assert_ptr_equal(expire_at(1500, 10), &op);
    assert_result(op.result, -ETIMEDOUT);
    end();
}
