/* submit.c - requests out: entries of the submission queue, and the backlog of what finds no room
 * in it. */
#include "uring/submit.h"
#include "core/wake.h"

/* The messages do not go out, or are not known to: each becomes a nop, and its loop is woken by a
 * system call. */
void submit_wake_by_hand(struct uring *uring)
{
    while (uring->wake_count > 0) {
        struct uring_wake_entry *entry = &uring->wakes[--uring->wake_count];
        *entry->sqe = (struct io_uring_sqe){
            .opcode = IORING_OP_NOP, .flags = IOSQE_CQE_SKIP_SUCCESS, .user_data = WAKE_MESSAGE};
        wake_write(entry->wake_fd);
    }
}

struct io_uring_sqe *submit_flush(struct hark_loop *loop, struct uring *uring)
{
    loop->metrics.ring_full++;
    loop->submissions++;
    (void)ring_submit(&uring->ring, calls_of(loop)); /* where it fails there is still no room */
    submit_done(uring);
    return ring_next_sqe(&uring->ring);
}

static void push_cancel(struct uring *uring, struct io_uring_sqe *sqe, struct hark_op *op)
{
    *sqe = (struct io_uring_sqe){
        .opcode = IORING_OP_ASYNC_CANCEL,
        .fd = -1,
        .addr = tagged(op, op->backend_bits & OP_POLLING ? TAG_POLL : TAG_OP),
        .user_data = tagged(op, TAG_CANCEL),
    };
    ring_push(&uring->ring);
    op->backend_bits |= OP_CANCEL_SENT;
}

void submit_to_backlog(struct hark_loop *loop, struct hark_op *op)
{
    op->backend_bits |= OP_BACKLOGGED;
    op_chain_push(&uring_of(loop)->backlog, op);
}

void submit_op(struct hark_loop *loop, struct hark_op *op)
{
    submit_op_here(loop, op);
}

void submit_cancel(struct hark_loop *loop, struct hark_op *op)
{
    struct uring *uring = uring_of(loop);
    struct io_uring_sqe *sqe = uring->backlog.first ? NULL : submit_entry(loop, uring);
    if (!sqe) {
        op->backend_bits |= OP_CANCEL_WANTED;
        return submit_to_backlog(loop, op);
    }
    push_cancel(uring, sqe, op);
}

void submit_backlog(struct hark_loop *loop)
{
    struct uring *uring = uring_of(loop);
    struct hark_op *op;
    while ((op = uring->backlog.first)) {
        struct io_uring_sqe *sqe = submit_entry(loop, uring);
        if (!sqe)
            return;
        op_chain_pop(&uring->backlog);
        bool cancel = (op->backend_bits & OP_CANCEL_WANTED) != 0;
        op->backend_bits &= ~(uint32_t)(OP_BACKLOGGED | OP_CANCEL_WANTED);
        if (cancel)
            push_cancel(uring, sqe, op);
        else
            submit_push(loop, uring, sqe, op);
    }
}
