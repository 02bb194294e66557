/* datagrams.c - what hark_recv_each and hark_recvmsg_each have to know of a socket: whether what
 * they receive has borders.
 *
 * A datagram of no bytes is not the end, and of one that is longer than the buffer the rest is
 * lost, which the kernel tells where it is asked (MSG_TRUNC). TCP throws bytes away for the same
 * flag: so it must be known before. The row keeps it, as its kind. */
#include "uring/datagrams.h"
#include "uring/submit.h"

enum { KIND_UNKNOWN, KIND_STREAM, KIND_DATAGRAMS, KIND_NO_SOCKET };

static uint8_t kind_of(int type)
{
    return type == SOCK_STREAM || type == SOCK_SEQPACKET ? KIND_STREAM : KIND_DATAGRAMS;
}

void datagrams_note_socket(struct hark_loop *loop, int fd, int type)
{
    if (unlikely(descriptors_grow(&loop->descriptors, fd) < 0))
        return; /* it is asked when it first receives */
    descriptors_row(&loop->descriptors, fd)->kind = kind_of(type & ~(SOCK_CLOEXEC | SOCK_NONBLOCK));
}

static uint8_t look_up(struct hark_loop *loop, int fd)
{
    int type = SOCK_STREAM; /* of a number that is closed the kernel says so itself */
    socklen_t length = sizeof type;
    int error = kernel_getsockopt(calls_of(loop), fd, SOL_SOCKET, SO_TYPE, &type, &length);
    return error == -ENOTSOCK ? KIND_NO_SOCKET : kind_of(type);
}

static uint8_t kind_at(struct hark_loop *loop, int fd)
{
    struct descriptor *row = descriptors_row(&loop->descriptors, fd);
    if (unlikely((row->kind & ROW_BORDERS) == KIND_UNKNOWN))
        row->kind |= look_up(loop, fd);
    return row->kind & ROW_BORDERS;
}

bool datagrams_is_stream(struct hark_loop *loop, int fd)
{
    return kind_at(loop, fd) != KIND_DATAGRAMS;
}

/* What is received by calls waits for readiness first, which a pipe has as well. */
void datagrams_start(struct hark_loop *loop, struct hark_op *op)
{
    uint8_t kind = kind_at(loop, op->fd);
    if (unlikely(kind == KIND_DATAGRAMS))
        op->backend_bits |= OP_DATAGRAMS;
    if (op->code == HARK_OP_RECVMSG_EACH && !uring_uses(uring_of(loop), URING_RECV_MULTISHOT)) {
        if (kind == KIND_NO_SOCKET)
            return loop_finish(loop, op, -ENOTSOCK);
        op->backend_bits |= OP_BY_CALL | OP_POLLING;
    }
    submit_op(loop, op);
}
