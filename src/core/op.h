/* op.h - an op's start, and the places of its way that a trace sees. */
#ifndef CORE_OP_H
#define CORE_OP_H

#include "core/loop.h"
#include "core/stages.h"

/* An op has been started: from here on it is in flight. */
static inline void op_count_start(struct hark_loop *loop, struct hark_op *op)
{
    op->id = ++loop->last_id;
    loop->active++;
    loop->metrics.requested[op->code]++;
    if (unlikely(loop_is_recorded(loop)))
        stages_request(loop, op);
    checking_begin(loop, op);
}

/* Its start breaks a rule: says which. It takes a start's own arguments in their order, so that no
 * start moves one for it. */
_Noreturn __attribute__((cold)) void op_begun_wrongly(struct hark_loop *loop,
                                                      const struct hark_op *op, int fd);

/* Puts an op in flight. The caller fills the arguments in, then hands it on. */
static inline void op_begin(struct hark_loop *loop, struct hark_op *op, enum hark_op_code code,
                            int fd, hark_done *done)
{
    if (unlikely(op->state != OP_IDLE || !done))
        op_begun_wrongly(loop, op, fd);
    op->loop = loop;
    op->done = done;
    op->fd = fd;
    op->code = (uint8_t)code;
    checking_thread(loop, op, fd);
    op->state = OP_WAITING;
    op->marks = 0;
    op->timer = 0;
    op->backend_bits = 0;
    op_count_start(loop, op);
}

/* The places of an op's way that a trace sees: begun (op_count_start), delegated, returned, called
 * (call.h). These are called wherever an op goes out of the loop's hands, to the kernel, the pool
 * or the timers, and comes back: as often as that happens, so more than once where a call would
 * block, or a request repeats. A call that the loop's own thread makes, and that does not wait, is
 * both: tried. An op that is refused before, or cancelled while it waits for room, is not among
 * them. */
static inline void op_delegated(struct hark_loop *loop, const struct hark_op *op)
{
    if (unlikely(loop_is_recorded(loop)))
        stages_delegate(loop, op);
    checking_delegated(loop, op);
}

/* Takes: result: what came back with it. */
static inline void op_returned(struct hark_loop *loop, const struct hark_op *op, int64_t result)
{
    if (unlikely(loop_is_recorded(loop)))
        stages_return(loop, op, result);
    checking_returned(loop, op, result);
}

/* Around a call that is made in place, in the loop's own thread, and does not wait. */
static inline void op_trying(struct hark_loop *loop, const struct hark_op *op)
{
    if (unlikely(loop_is_recorded(loop)))
        stages_try(loop, op);
    checking_delegated(loop, op);
}

static inline void op_tried(struct hark_loop *loop, const struct hark_op *op, int64_t result)
{
    if (unlikely(loop_is_recorded(loop)))
        stages_tried(loop, op, result);
    checking_returned(loop, op, result);
}

/* It waits for an event of its descriptor. */
static inline void op_waits(struct hark_loop *loop, const struct hark_op *op)
{
    if (unlikely(loop_is_recorded(loop)))
        stages_wait(loop, op);
    checking_delegated(loop, op);
}

/* The start of an op whose descriptor has no row yet, or is being closed (op.c). */
void op_start_on_rare_descriptor(struct hark_loop *loop, struct hark_op *op);

/* Hands an op with its arguments to the backend: checks the descriptor and links the op to its
 * row. */
static inline void op_start_on_descriptor(struct hark_loop *loop, struct hark_op *op)
{
    struct descriptor *row = descriptors_find(&loop->descriptors, op->fd);
    if (unlikely(!row || row->flags & (DESCRIPTOR_CLOSING | DESCRIPTOR_RELEASED)))
        return op_start_on_rare_descriptor(loop, op);
    descriptors_link(&row->ops, op);
    checking_given(loop, op);
    loop->backend->start(loop, op);
}

/* op_begin and op_start_on_descriptor as functions, for the kinds that no message and no read is:
 * in place they take 100 bytes and more in each start. */
void op_begin_apart(struct hark_loop *loop, struct hark_op *op, enum hark_op_code code, int fd,
                    hark_done *done);
void op_start_apart(struct hark_loop *loop, struct hark_op *op);

/* The same for ops without a descriptor, or with AT_FDCWD. */
void op_start_loose(struct hark_loop *loop, struct hark_op *op);

/* Links an op that the core itself keeps (work, signals) among the loose ones, so that cancel_all
 * finds it. */
static inline void op_link_loose(struct hark_loop *loop, struct hark_op *op)
{
    op->fd = -1;
    descriptors_link(&loop->descriptors.loose, op);
}

/* A sendmsg that names a unix socket: where that takes no more, the sender is told EAGAIN and that
 * it is writable. */
bool op_sends_to_unix_name(const struct hark_op *op);

/* A close or a detach: ends all others on its descriptor, and cannot be ended itself. */
static inline bool op_closes(const struct hark_op *op)
{
    return op->code == HARK_OP_CLOSE || op->code == HARK_OP_DETACH;
}

/* op_tried and loop_finish. */
static inline void op_finish_tried(struct hark_loop *loop, struct hark_op *op, int64_t result)
{
    op_tried(loop, op, result);
    loop_finish(loop, op, result);
}

#endif
