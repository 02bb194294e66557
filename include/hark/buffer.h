/* buffer.h - the loop's pool of receive buffers, lent by hark_recv_each, and by
 * hark_recvmsg_each (packet.h). */
#ifndef HARK_BUFFER_H
#define HARK_BUFFER_H

#include "op.h"

HARK_BEGIN

/* The bytes that a call of hark_recv_each brought: as many as its result says. (Of a
 * hark_recvmsg_each the message, also where it has no bytes: hark_op_packet.) They go back to the
 * pool when the callback returns, unless it keeps them. NULL in calls with a result of 0 or less.
 * Takes: the op of a hark_recv_each, inside its callback. */
static inline void *hark_op_buffer(const struct hark_op *op)
{
    return op->with.io.buffer ? op->with.io.bytes : HARK_NULL;
}

/* Whether the call brought the beginning of a datagram that was longer than the buffer; the rest is
 * lost.
 * Takes: the op of a hark_recv_each or hark_recvmsg_each, inside its callback. */
static inline bool hark_op_cut(const struct hark_op *op)
{
    return (op->marks & HARK_MARK_CUT) != 0;
}

/* Keeps the lent buffer past the callback: it is the caller's until hark_buffer_return. While the
 * pool is empty no hark_recv_each and no hark_recvmsg_each on the loop receives: return buffers
 * soon.
 * Takes: the op of a hark_recv_each, inside its callback, with a result above 0; the op of a
 *   hark_recvmsg_each in each call but the final one.
 * Gives: the buffer; NULL if the op has none. */
static inline void *hark_buffer_keep(struct hark_op *op)
{
    void *buffer = hark_op_buffer(op);
    op->with.io.buffer = 0;
    return buffer;
}

/* Gives a kept buffer back.
 * Takes: the pointer from hark_buffer_keep, once; NULL: nothing happens. */
HARK_API void hark_buffer_return(struct hark_loop *loop, void *buffer);

/* The size of each buffer of the pool, in bytes. */
HARK_API size_t hark_buffer_size(const struct hark_loop *loop);

HARK_END

#endif
