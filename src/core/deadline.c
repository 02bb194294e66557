/* deadline.c - deadlines of ops, and timers that are due. */
#include "core/deadline.h"
#include "core/op.h"
#include "hark/timer.h"

void hark_op_deadline(struct hark_op *op, uint64_t deadline_ns)
{
    if (op->state == OP_IDLE)
        return;
    struct hark_loop *loop = op->loop;
    checking_thread(loop, op, op->fd);
    bool timed = op->code == HARK_OP_SLEEP || op->code == HARK_OP_EVERY;
    if (timed)
        op->with.timer.deadline_ns = deadline_ns;
    if (timed && op->state != OP_TIMED)
        return; /* its time has come; an every looks at its deadline when it goes on */
    uint64_t at_ns =
        timed && op->with.timer.at_ns <= deadline_ns ? op->with.timer.at_ns : deadline_ns;
    if (at_ns == HARK_NEVER && !timed)
        return timers_remove(&loop->timers, op);
    if (timed && timers_time_of(&loop->timers, op) == at_ns)
        return; /* moving it would cost it its place among equals */
    if (timers_set(&loop->timers, op, at_ns) < 0) {
        /* Without a deadline the op could wait for ever: it ends, and says why. */
        op->marks |= MARK_NO_MEMORY;
        hark_cancel(op);
    }
}

/* What stands among the timers needs no memory to be moved there. */
int hark_sleep_move(struct hark_op *op, uint64_t at_ns)
{
    bool calls = op->state == OP_CALLING && !(op->marks & MARK_CANCELLED);
    if (op->state == OP_IDLE)
        return -EALREADY;
    check_rule(op->code == HARK_OP_SLEEP || op->code == HARK_OP_EVERY,
               "the time of an op was moved that is no timer", op, op->fd);
    checking_thread(op->loop, op, op->fd);
    if (op->state != OP_TIMED && !calls)
        return -EALREADY;
    op->with.timer.at_ns = at_ns;
    if (calls)
        return 0; /* it goes on after its callback */
    uint64_t deadline_ns = op->with.timer.deadline_ns;
    return timers_set(&op->loop->timers, op, at_ns <= deadline_ns ? at_ns : deadline_ns);
}

static void timer_due(struct hark_loop *loop, struct hark_op *op)
{
    uint64_t at_ns = op->with.timer.at_ns;
    op_returned(loop, op, 0);
    if (op->with.timer.deadline_ns < at_ns)
        return loop_finish(loop, op, -ETIMEDOUT);
    if (op->code == HARK_OP_SLEEP)
        return loop_finish(loop, op, 0);
    uint64_t period_ns = op->with.timer.period_ns, late_ns = loop->now_ns - at_ns;
    uint64_t periods = late_ns / period_ns + 1;
    uint64_t rest_ns = period_ns - late_ns % period_ns;
    bool comes = rest_ns <= HARK_NEVER - loop->now_ns; /* before the end of the clock */
    op->with.timer.at_ns = comes ? loop->now_ns + rest_ns : HARK_NEVER;
    op->marks |= HARK_MARK_MORE;
    loop_finish(loop, op, (int64_t)periods);
}

void deadline_expire(struct hark_loop *loop, uint32_t budget)
{
    while (budget-- > 0 && timers_next(&loop->timers) <= loop->now_ns) {
        struct hark_op *op = timers_op(&loop->timers, 0);
        timers_remove(&loop->timers, op);
        if (op->state == OP_TIMED) {
            timer_due(loop, op);
        } else {
            if (!(op->marks & MARK_CANCELLED))
                op->marks |= MARK_EXPIRED;
            hark_cancel(op);
        }
    }
}

void deadline_every_continue(struct hark_loop *loop, struct hark_op *op)
{
    uint64_t deadline_ns = op->with.timer.deadline_ns;
    uint64_t at_ns = op->with.timer.at_ns < deadline_ns ? op->with.timer.at_ns : deadline_ns;
    op->state = OP_TIMED;
    op_delegated(loop, op);
    int error = timers_set(&loop->timers, op, at_ns);
    if (error)
        loop_finish(loop, op, error);
}
