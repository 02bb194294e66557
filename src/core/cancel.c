/* cancel.c - ending ops: whoever has an op lets it go. */
#include "core/cancel.h"
#include "core/op.h"
#include "core/row.h"
#include "core/signals.h"
#include "core/wake.h"
#include "core/work_pool.h"

/* What is known already is delivered first, unless it says nothing that is lost without it. */
static void cancel_finished(struct hark_op *op)
{
    op->marks |= MARK_CANCELLED;
    bool repeats_for_nothing = op->code == HARK_OP_EVERY || op->code == HARK_OP_POLL_EACH;
    if (op->code == HARK_OP_DEFER)
        op->result = -ECANCELED;
    else if ((op->marks & HARK_MARK_MORE) && repeats_for_nothing) {
        op->marks &= (uint16_t)~HARK_MARK_MORE;
        op->result = -ECANCELED;
    }
}

/* The mark keeps a deadline that passes before the final call from being told in its stead. */
static void finish_cancelled(struct hark_loop *loop, struct hark_op *op)
{
    op->marks |= MARK_CANCELLED;
    loop_finish(loop, op, -ECANCELED);
}

/* A poll was cancelled. Who asks for readiness owns the descriptor, and may close it right after
 * his last poll on it is cancelled: the number then comes again, and means another file. */
static void forget_if_polled_no_more(struct hark_loop *loop, int fd)
{
    struct descriptor *row = descriptors_find(&loop->descriptors, fd);
    if (row && row->flags && !(row->flags & DESCRIPTOR_RELEASED) && row_is_free(loop, fd))
        row_forget(loop, fd);
}

void cancel_op(struct hark_loop *loop, struct hark_op *op)
{
    if (op->state == OP_POSTED)
        wake_take_inbox(loop);
    switch ((enum op_state)op->state) {
    case OP_WAITING:
        if (op->marks & MARK_CANCELLED || op->code == HARK_OP_CLOSE)
            break;
        op->marks |= MARK_CANCELLED;
        loop->backend->cancel(loop, op);
        break;
    case OP_TIMED:
        timers_remove(&loop->timers, op);
        finish_cancelled(loop, op);
        break;
    case OP_WORKING:
        if (op->code != HARK_OP_CLOSE && work_pool_withdraw(loop, op))
            finish_cancelled(loop, op);
        else if (op->code == HARK_OP_SPLICE)
            op->marks |= MARK_CANCELLED; /* it may have to wait once it is back */
        break;
    case OP_LISTENING:
        signals_end(loop, op);
        finish_cancelled(loop, op);
        break;
    case OP_PARKED:
        if (!op_closes(op))
            finish_cancelled(loop, op);
        break;
    case OP_STARVED:
        op_chain_remove(&loop->buffers.starved, op);
        finish_cancelled(loop, op);
        break;
    case OP_FINISHED:
        cancel_finished(op);
        break;
    case OP_LATE:
    case OP_NEXT_TURN:
    case OP_CALLING:
        op->marks |= MARK_CANCELLED; /* it is looked at where it goes on */
        break;
    case OP_POSTED:
    case OP_CLOSING:
    case OP_IDLE:
        break;
    }
}

static bool polls(const struct hark_op *op)
{
    return op->code == HARK_OP_POLL || op->code == HARK_OP_POLL_EACH;
}

void hark_cancel(struct hark_op *op)
{
    if (!op || op->state == OP_IDLE)
        return;
    checking_thread(op->loop, op, op->fd);
    cancel_op(op->loop, op);
    if (polls(op))
        forget_if_polled_no_more(op->loop, op->fd);
}

static void cancel_list(struct hark_loop *loop, struct hark_op *op)
{
    while (op) {
        struct hark_op *next = op->next;
        cancel_op(loop, op);
        op = next;
    }
}

/* Gives whether there were any. Taking one out can move another to a place that was passed already:
 * called until none is left. */
static bool cancel_timers(struct hark_loop *loop)
{
    bool any = false;
    for (uint32_t i = loop->timers.count; i-- > 0;) {
        struct hark_op *op = timers_op(&loop->timers, i);
        if (op->state != OP_TIMED)
            continue; /* the deadline of an op that is being cancelled */
        any = true;
        hark_cancel(op);
    }
    return any;
}

void hark_cancel_all(struct hark_loop *loop)
{
    loop->cancelled_all++;
    wake_take_inbox(loop);
    work_pool_withdraw_all(loop);
    for (uint32_t fd = 0; fd < loop->descriptors.count; fd++) {
        if (!loop->descriptors.rows[fd].ops)
            continue;
        cancel_list(loop, loop->descriptors.rows[fd].ops);
        forget_if_polled_no_more(loop, (int)fd);
    }
    cancel_list(loop, loop->descriptors.loose);
    for (struct hark_op *op = loop->finished.first; op; op = op->queued)
        cancel_finished(op);
    for (struct hark_op *op = loop->next_turn.first; op; op = op->queued)
        op->marks |= MARK_CANCELLED;
    hark_cancel(loop->calling);
    while (cancel_timers(loop))
        ;
}
