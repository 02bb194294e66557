/* buffers.h - the memory of the pool that hark_recv_each lends from, and the ops that wait while it
 * is empty.
 *
 * The free ones stand on a stack, so that the one that came back last, which is still in the cache,
 * goes out first. The ready backends take from it; on uring the kernel picks, from a ring that is
 * filled from the stack before each wait. */
#ifndef CORE_BUFFERS_H
#define CORE_BUFFERS_H

#include "base/op_chain.h"

struct buffers {
    char *memory;
    size_t stride;    /* from one to the next: a cache line more than bytes, else all would begin in
                         the same set of the cache */
    uint32_t *stack;  /* numbers of the free ones */
    uint32_t free;    /* how many are on the stack */
    uint32_t offered; /* uring: how many are with the kernel, free as well */
    uint32_t count;
    uint32_t bytes;
    struct op_chain starved; /* hark_recv_each ops that found the pool empty */
};

/* Fails: -ENOMEM, and nothing is left behind. Pages are touched only when used. */
int buffers_init(struct buffers *buffers, uint32_t count, uint32_t bytes);
void buffers_done(struct buffers *buffers);

static inline void *buffers_at(const struct buffers *buffers, uint32_t index)
{
    return buffers->memory + index * buffers->stride;
}

/* Ops that starved are let go on by the turn after buffers came back, as many as there are buffers;
 * some may find nothing to receive and need none: then the next turn lets others go on. */
static inline bool buffers_can_feed(const struct buffers *buffers)
{
    return buffers->starved.first && buffers->free + buffers->offered > 0;
}

/* The next op to go on; *left is at first the number of free buffers. NULL: no more in this
 * turn. */
static inline struct hark_op *buffers_next_starved(struct buffers *buffers, uint32_t *left)
{
    if (!buffers->starved.first || *left == 0)
        return NULL;
    --*left;
    return op_chain_pop(&buffers->starved);
}

#endif
