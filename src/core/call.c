/* call.c - what a final call needs more than the call, and what an op does after one that was not
 * final. */
#include "core/call.h"
#include "core/close.h"
#include "core/deadline.h"
#include "core/pair.h"
#include "core/row.h"
#include "core/signals.h"

void call_rare(struct hark_loop *loop, struct hark_op *op, int64_t result)
{
    unsigned marks = op->marks;
    int other = marks & MARK_PAIR ? pair_end(loop, op) : -1;
    int fd = op->fd;
    if (result == -ECANCELED && marks & (MARK_EXPIRED | MARK_NO_MEMORY))
        result = marks & MARK_EXPIRED ? -ETIMEDOUT : -ENOMEM;
    op->marks = 0;
    loop->guarded_writes -= (marks & MARK_GUARDED) != 0;
    if (marks & MARK_CLOSED && op->code == HARK_OP_DETACH)
        row_forget(loop, fd); /* from here on it is the caller's */
    else if (marks & MARK_CLOSED)
        close_ended(loop, fd);
    call_done(loop, op, result);
    checking_look(loop, NULL);
    if (marks & MARK_EVICTED)
        close_if_alone(loop, fd);
    if (marks & MARK_EVICTED && other >= 0)
        close_if_alone(loop, other);
}

void call_continue(struct hark_loop *loop, struct hark_op *op)
{
    check(op->state == OP_CALLING);
    if (op->marks & (MARK_CANCELLED | MARK_EXPIRED)) {
        if (op->code == HARK_OP_SIGNAL_EACH)
            signals_end(loop, op);
        loop_finish(loop, op, -ECANCELED);
    } else if (op->code == HARK_OP_EVERY)
        deadline_every_continue(loop, op);
    else if (op->code == HARK_OP_SIGNAL_EACH)
        op->state = OP_LISTENING;
    else {
        op->state = OP_WAITING;
        loop->backend->again(loop, op);
    }
}
