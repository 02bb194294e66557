/* start.c - starting the ops that the core itself fulfils: defer, timers, posts, work. And nop,
 * which goes to the kernel. */
#include "core/op.h"
#include "core/wake.h"
#include "core/work_pool.h"
#include "hark/post.h"
#include "hark/timer.h"
#include "hark/work.h"

void hark_nop(struct hark_loop *loop, struct hark_op *op, hark_done *done)
{
    op_begin_apart(loop, op, HARK_OP_NOP, -1, done);
    op_start_loose(loop, op);
}

void hark_defer(struct hark_loop *loop, struct hark_op *op, hark_done *done)
{
    op_begin(loop, op, HARK_OP_DEFER, -1, done);
    loop_next_turn(loop, op);
}

static void start_timer(struct hark_loop *loop, struct hark_op *op, uint64_t at_ns)
{
    op->with.timer.at_ns = at_ns;
    op->with.timer.deadline_ns = HARK_NEVER;
    op->state = OP_TIMED;
    op_delegated(loop, op);
    int error = timers_set(&loop->timers, op, at_ns);
    if (error)
        loop_finish(loop, op, error);
}

static uint64_t from_now(uint64_t duration_ns)
{
    uint64_t now_ns = kernel_clock_gettime(CLOCK_MONOTONIC);
    return duration_ns > HARK_NEVER - now_ns ? HARK_NEVER : now_ns + duration_ns;
}

void hark_sleep(struct hark_loop *loop, struct hark_op *op, uint64_t duration_ns, hark_done *done)
{
    op_begin(loop, op, HARK_OP_SLEEP, -1, done);
    start_timer(loop, op, from_now(duration_ns));
}

void hark_sleep_until(struct hark_loop *loop, struct hark_op *op, uint64_t at_ns, hark_done *done)
{
    op_begin(loop, op, HARK_OP_SLEEP, -1, done);
    start_timer(loop, op, at_ns);
}

void hark_every(struct hark_loop *loop, struct hark_op *op, uint64_t period_ns, hark_done *done)
{
    op_begin_apart(loop, op, HARK_OP_EVERY, -1, done);
    if (period_ns == 0)
        return loop_finish(loop, op, -EINVAL);
    op->with.timer.period_ns = period_ns;
    start_timer(loop, op, from_now(period_ns));
}

void hark_work(struct hark_loop *loop, struct hark_op *op, hark_work_function *function,
               hark_done *done)
{
    op_begin_apart(loop, op, HARK_OP_WORK, -1, done);
    op_link_loose(loop, op);
    op->with.work.function = function;
    work_pool_submit(loop, op);
}

/* On another thread: nothing of the loop but its inbox may be touched. It is counted when the loop
 * takes it out. */
static uint32_t put_in_inbox(struct hark_loop *loop, struct hark_op *op, hark_done *done)
{
    check_rule(op->state == OP_IDLE,
               "an op was posted that is in flight, or that was not zeroed before its first start",
               op, op->fd);
    check_rule(done, "an op was posted without a callback", NULL, -1);
    op->loop = loop;
    op->done = done;
    op->fd = -1;
    op->code = HARK_OP_POST;
    op->state = OP_POSTED;
    op->marks = 0;
    op->timer = 0;
    op->id = 0;
    return inbox_put(&loop->inbox, op);
}

void hark_post(struct hark_loop *loop, struct hark_op *op, hark_done *done)
{
    put_in_inbox(loop, op, done);
    wake_loop(loop);
}

void hark_message(struct hark_loop *from, struct hark_op *op, struct hark_loop *to, hark_done *done)
{
    uint32_t ticket = put_in_inbox(to, op, done);
    if (inbox_is_newest(&to->inbox, ticket))
        wake_other(from, to);
    else
        wake_loop(to); /* what lies behind it must not wait for this turn */
}
