/* zero_copy.c - see the header.
 *
 * Such a request has two completions: its result, and, where that says so (IORING_CQE_F_MORE), a
 * notification that the kernel needs the bytes no more. What TCP has taken it may have to send
 * again, so that is when the peer has acknowledged them, or the connection is over. No cancel
 * finds the request in between, and a peer that takes nothing could keep the op for ever: so the
 * connection is ended, by connect(2) with AF_UNSPEC, which throws away what waits to be sent. */
#include "uring/zero_copy.h"
#include "uring/datagrams.h"

#include <sys/socket.h>

/* Datagrams leave by themselves. Whatever the kernel answers, the notification comes. */
void zero_copy_end(struct hark_loop *loop, struct hark_op *op)
{
    const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    if (op->result > 0 && datagrams_is_stream(loop, op->fd))
        (void)kernel_connect(calls_of(loop), op->fd, &nobody, sizeof nobody);
}

/* The result is kept where the backlog would keep the op's place. */
static void lend(struct hark_loop *loop, struct hark_op *op, int32_t result)
{
    if (op->backend_bits & OP_BACKLOGGED) /* for its cancel, which finds nothing any more */
        op_chain_remove(&uring_of(loop)->backlog, op);
    op->backend_bits &= ~(uint32_t)(OP_BACKLOGGED | OP_CANCEL_WANTED);
    op->backend_bits |= OP_LENDING;
    op->result = result;
    if (op->marks & MARK_CANCELLED)
        zero_copy_end(loop, op);
}

bool zero_copy_is_over(struct hark_loop *loop, struct hark_op *op, int32_t *result, uint32_t flags)
{
    if (flags & IORING_CQE_F_MORE) {
        lend(loop, op, *result);
        return false;
    }
    if (op->backend_bits & OP_LENDING)
        *result = (int32_t)op->result;
    op->backend_bits &= ~(uint32_t)OP_LENDING;
    return true;
}

bool zero_copy_can_copy(struct hark_op *op)
{
    bool can = !(op->backend_bits & OP_COPIES);
    op->backend_bits |= OP_COPIES;
    return can;
}
