/* submit.h - requests out: entries of the submission queue, and the backlog of what finds no room
 * in it. */
#ifndef URING_SUBMIT_H
#define URING_SUBMIT_H

#include "core/op.h"
#include "uring/prepare.h"

/* Makes room by giving the kernel what is in the queue. NULL: it takes nothing for now. */
struct io_uring_sqe *submit_flush(struct hark_loop *loop, struct uring *uring);

/* Room for an entry, and what fills it in calls ring_push afterwards. NULL: the kernel takes
 * nothing for now. */
static inline struct io_uring_sqe *submit_entry(struct hark_loop *loop, struct uring *uring)
{
    struct io_uring_sqe *sqe = ring_next_sqe(&uring->ring);
    return likely(sqe) ? sqe : submit_flush(loop, uring);
}

/* An op's request goes into the queue. */
static inline void submit_push(struct hark_loop *loop, struct uring *uring,
                               struct io_uring_sqe *sqe, struct hark_op *op)
{
    prepare_entry(uring, sqe, op);
    ring_push(&uring->ring);
    op_delegated(loop, op);
}

void submit_to_backlog(struct hark_loop *loop, struct hark_op *op);

/* Gives the op's request to the kernel, now or as soon as there is room. In place: for the start of
 * ops, whose path it shortens. */
static inline void submit_op_here(struct hark_loop *loop, struct hark_op *op)
{
    struct uring *uring = uring_of(loop);
    struct io_uring_sqe *sqe = unlikely(uring->backlog.first) ? NULL : submit_entry(loop, uring);
    if (unlikely(!sqe))
        return submit_to_backlog(loop, op);
    submit_push(loop, uring, sqe, op);
}

void submit_op(struct hark_loop *loop, struct hark_op *op);
void submit_cancel(struct hark_loop *loop, struct hark_op *op);

/* What has found no room before: as much of it as there is room for now. */
void submit_backlog(struct hark_loop *loop);

/* The messages to other loops do not go out, or are not known to: those are woken by a system call
 * each. */
void submit_wake_by_hand(struct uring *uring);

/* After each submission. Which entries the kernel did not take is not looked at: the others' places
 * are free, and may be written. */
static inline void submit_done(struct uring *uring)
{
    if (likely(uring->wake_count == 0))
        return;
    uring->messages_out = true;
    if (ring_unsubmitted(&uring->ring) != 0)
        submit_wake_by_hand(uring);
    uring->wake_count = 0;
}

#endif
