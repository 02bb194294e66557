/* op_chain.h - first in, first out, and out of the middle at once: linked both ways, through
 * hark_op.queued and hark_op.before. For ops that wait in numbers and are cancelled one by one. An
 * op stands in one queue or chain at a time. */
#ifndef BASE_OP_CHAIN_H
#define BASE_OP_CHAIN_H

#include "hark/op.h"

struct op_chain {
    struct hark_op *first; /* its `before` means nothing */
    struct hark_op *last;
};

static inline void op_chain_push(struct op_chain *chain, struct hark_op *op)
{
    op->queued = NULL;
    op->before = chain->last;
    if (chain->first)
        chain->last->queued = op;
    else
        chain->first = op;
    chain->last = op;
}

static inline struct hark_op *op_chain_pop(struct op_chain *chain)
{
    struct hark_op *op = chain->first;
    if (op)
        chain->first = op->queued;
    return op;
}

/* Takes out one that stands in the chain. */
static inline void op_chain_remove(struct op_chain *chain, struct hark_op *op)
{
    if (op == chain->first) {
        chain->first = op->queued;
        return;
    }
    op->before->queued = op->queued;
    if (op->queued)
        op->queued->before = op->before;
    else
        chain->last = op->before;
}

#endif
