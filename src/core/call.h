/* call.h - calling back: stage 7. For run.c, and for what a backend's reap and fulfil do.
 *
 * Before its final call an op is taken out of all that the loop keeps: from there on its memory is
 * the caller's. */
#ifndef CORE_CALL_H
#define CORE_CALL_H

#include "core/op.h"
#include "core/stages.h"
#include "hark/buffer.h"

/* The final call of an op with one of MARKS_RARE. */
void call_rare(struct hark_loop *loop, struct hark_op *op, int64_t result);

/* The callback. It may free the op. */
static inline void call_done(struct hark_loop *loop, struct hark_op *op, int64_t result)
{
    if (unlikely(loop_is_recorded(loop)))
        return stages_call(loop, op, result);
    op->done(op, result);
}

static inline void call_final(struct hark_loop *loop, struct hark_op *op, int64_t result)
{
    checking_end(loop, op, result);
    if (unlikely(op->timer != 0))
        timers_remove(&loop->timers, op);
    if (likely(op->link))
        descriptors_unlink(op);
    op->state = OP_IDLE;
    loop->active--;
    loop->metrics.handled[op->code]++;
    if (unlikely(op->marks & MARKS_RARE))
        return call_rare(loop, op, result);
    op->marks = 0;
    call_done(loop, op, result);
    checking_look(loop, NULL);
}

static inline void call_more(struct hark_loop *loop, struct hark_op *op, int64_t result)
{
    loop->metrics.repeated[op->code]++;
    op->marks |= HARK_MARK_MORE;
    call_done(loop, op, result);
    checking_look(loop, op);
    op->marks &= (uint16_t) ~(HARK_MARK_MORE | HARK_MARK_CUT);
}

/* The same with the buffer that a hark_recv_each has been lent; it goes back unless the callback
 * has kept it. */
static inline void call_lent(struct hark_loop *loop, struct hark_op *op, int64_t result)
{
    checking_lends(loop, op, result);
    call_more(loop, op, result);
    if (op->with.io.buffer)
        hark_buffer_return(loop, hark_buffer_keep(op));
}

/* After a call that was not final, of an op in state OP_CALLING: ends it where that was asked for,
 * else lets it go on. */
void call_continue(struct hark_loop *loop, struct hark_op *op);

#endif
