/* op_queue.h - first in, first out, linked through hark_op.queued. An op stands in one queue at a
 * time. */
#ifndef BASE_OP_QUEUE_H
#define BASE_OP_QUEUE_H

#include "hark/op.h"

struct op_queue {
    struct hark_op *first;
    struct hark_op *last;
};

static inline void op_queue_push(struct op_queue *queue, struct hark_op *op)
{
    op->queued = NULL;
    if (queue->first)
        queue->last->queued = op;
    else
        queue->first = op;
    queue->last = op;
}

static inline struct hark_op *op_queue_pop(struct op_queue *queue)
{
    struct hark_op *op = queue->first;
    if (op)
        queue->first = op->queued;
    return op;
}

/* Moves all of `from` behind `queue`. */
static inline void op_queue_append(struct op_queue *queue, struct op_queue *from)
{
    if (!from->first)
        return;
    if (queue->first)
        queue->last->queued = from->first;
    else
        queue->first = from->first;
    queue->last = from->last;
    from->first = NULL;
}

/* Takes an op out of the middle. It walks the queue: for rare uses only. Gives whether it was
 * there. */
static inline bool op_queue_remove(struct op_queue *queue, struct hark_op *op)
{
    struct hark_op *before = NULL;
    for (struct hark_op *at = queue->first; at; before = at, at = at->queued) {
        if (at != op)
            continue;
        if (before)
            before->queued = op->queued;
        else
            queue->first = op->queued;
        if (queue->last == op)
            queue->last = before;
        return true;
    }
    return false;
}

#endif
