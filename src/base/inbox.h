/* inbox.h - many threads put ops in, one takes them all out: the way from other threads into the loop.
 *
 * A stack whose head is swapped: putting is one compare-and-swap, taking all is one exchange, and as nothing is
 * ever taken singly no reuse of an op can confuse it. Taking turns the stack round, so each thread's ops keep their order. */
#ifndef BASE_INBOX_H
#define BASE_INBOX_H

#include "base/op_queue.h"

#include <stdatomic.h>

struct inbox {
    _Atomic(struct hark_op *) newest;
};

static inline void inbox_put(struct inbox *inbox, struct hark_op *op)
{
    struct hark_op *newest = atomic_load_explicit(&inbox->newest, memory_order_relaxed);
    do
        op->queued = newest;
    while (!atomic_compare_exchange_weak_explicit(&inbox->newest, &newest, op, memory_order_seq_cst, memory_order_relaxed));
}

static inline bool inbox_is_empty(struct inbox *inbox)
{
    return atomic_load_explicit(&inbox->newest, memory_order_seq_cst) == NULL;
}

/* Gives all ops, the oldest first, linked through `queued`; NULL where there are none. */
static inline struct hark_op *inbox_take_all(struct inbox *inbox)
{
    struct hark_op *oldest = NULL;
    struct hark_op *op = atomic_exchange_explicit(&inbox->newest, NULL, memory_order_acquire);
    while (op) {
        struct hark_op *older = op->queued;
        op->queued = oldest;
        oldest = op;
        op = older;
    }
    return oldest;
}

#endif
