/* timers.h - ops in order of time: a heap with four children to a node, one cache line to a family.
 *
 * The heap moves entries of 16 bytes and never touches an op. Each op that is in has a number; a
 * table tells where in the heap that number stands, another whose it is: so an op can be moved or
 * taken out without a search, and what moves past it costs no look at it. Equal times keep the
 * order of their start. All costs are O(log n), a start with a late time O(1). The only memory is
 * the three arrays, 28 bytes for a timer, which double together. */
#ifndef BASE_TIMERS_H
#define BASE_TIMERS_H

#include "hark/op.h"

struct timer_entry {
    uint64_t at_ns;
    uint32_t number;
    uint32_t order; /* among equal times: of the start */
};

struct timers {
    struct timer_entry *entries;
    /* by number: its place in the heap; of a number that is free, the next free one */
    uint32_t *places;
    struct hark_op **ops; /* by number */
    uint32_t count;
    uint32_t room;
    uint32_t next_order;
    uint32_t free; /* the first free number, plus one; 0: all below `numbers` are in use */
    uint32_t numbers;
};

/* Where the root stands: families of four then start on cache lines, as large blocks of malloc
 * begin 16 bytes after a page. */
enum { TIMERS_ROOT = 2 };

/* Puts an op in, or moves it where it is in already.
 * Fails: -ENOMEM; a move cannot. */
int timers_set(struct timers *timers, struct hark_op *op, uint64_t at_ns);

/* Takes an op out. One that is not in: nothing happens. */
void timers_remove(struct timers *timers, struct hark_op *op);

/* The earliest time, HARK_NEVER where there is none. */
static inline uint64_t timers_next(const struct timers *timers)
{
    return timers->count ? timers->entries[TIMERS_ROOT].at_ns : HARK_NEVER;
}

/* The op of the entry `index`, from 0, which is the earliest; the others in no order. */
static inline struct hark_op *timers_op(const struct timers *timers, uint32_t index)
{
    return timers->ops[timers->entries[TIMERS_ROOT + index].number];
}

static inline uint64_t timers_time_of(const struct timers *timers, const struct hark_op *op)
{
    return timers->entries[timers->places[op->timer - 1]].at_ns;
}

void timers_done(struct timers *timers);

#endif
