/* zero_copy.c - see the header.
 *
 * Such a request has two completions: its result, and, where that says so (IORING_CQE_F_MORE), a
 * notification that the kernel needs the bytes no more. What TCP has taken it may have to send
 * again, so that is when the peer has acknowledged them, or the connection is over. No cancel
 * finds the request in between, and a peer that takes nothing could keep the op for ever: so the
 * connection is ended, by connect(2) with AF_UNSPEC, which throws away what waits to be sent. A
 * filter may refuse that, and the kernel does while another thread waits in a call on the socket
 * (EBUSY, Linux 6.4 to 6.6): then the connection is made to time out, which it does the next time
 * that the kernel sends again what was not acknowledged, or asks the peer for room: after some
 * tenths of a second as a rule, and two minutes at most. */
#include "uring/zero_copy.h"
#include "uring/datagrams.h"
#include "uring/parts.h"
#include "uring/submit.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

/* Other families either copy all the same, or nothing is known that makes them let go. */
static uint8_t look_up(struct hark_loop *loop, int fd)
{
    int family = AF_UNSPEC;
    socklen_t length = sizeof family;
    (void)kernel_getsockopt(calls_of(loop), fd, SOL_SOCKET, SO_DOMAIN, &family, &length);
    return family == AF_INET || family == AF_INET6 ? ROW_COPIES_NOT : ROW_COPIES;
}

void zero_copy_start(struct hark_loop *loop, struct hark_op *op)
{
    struct descriptor *row = descriptors_row(&loop->descriptors, op->fd);
    if (!uring_uses(uring_of(loop), URING_WAITALL))
        return parts_start(loop, op); /* there it copies anyway */
    if (!(row->kind & (ROW_COPIES | ROW_COPIES_NOT)))
        row->kind |= look_up(loop, op->fd);
    if (row->kind & ROW_COPIES)
        op->backend_bits |= OP_COPIES;
    submit_op(loop, op);
}

/* Datagrams leave by themselves. */
void zero_copy_end(struct hark_loop *loop, struct hark_op *op)
{
    const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    const unsigned soon_ms = 1;
    if (op->result <= 0 || !datagrams_is_stream(loop, op->fd))
        return;
    if (kernel_connect(calls_of(loop), op->fd, &nobody, sizeof nobody) < 0)
        (void)kernel_setsockopt(calls_of(loop), op->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &soon_ms,
                                sizeof soon_ms);
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
