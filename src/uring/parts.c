/* parts.c - see the header.
 *
 * Until Linux 6.1 a request with MSG_WAITALL that has moved some bytes and is then cancelled ends
 * with ECANCELED: what was received is gone, and what was sent nobody knows of. So there the loop
 * asks for what comes, and again for the rest, the count kept in with.io.offset as on the other
 * backends. MSG_WAITALL means nothing to what has borders. Can go with the support of Linux 5.19
 * and 6.0. */
#include "uring/parts.h"
#include "uring/datagrams.h"
#include "uring/submit.h"

#include <sys/socket.h>

void parts_start(struct hark_loop *loop, struct hark_op *op)
{
    if (op->with.io.flags & MSG_WAITALL && datagrams_is_stream(loop, op->fd))
        op->backend_bits |= OP_IN_PARTS;
    submit_op(loop, op);
}

bool parts_go_on(struct hark_loop *loop, struct hark_op *op, int64_t *result)
{
    if (*result > 0)
        op->with.io.offset += *result;
    const int64_t moved = op->with.io.offset;
    bool is_left = (size_t)moved < op->with.io.count;
    if (*result > 0 && is_left && !(op->marks & MARK_CANCELLED)) {
        submit_op(loop, op);
        return true;
    }
    op->backend_bits &= ~(uint32_t)OP_IN_PARTS;
    *result = moved > 0 ? moved : *result;
    return false;
}
