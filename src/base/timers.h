/* timers.h - ops in order of time: a heap with four children to a node, one cache line to a family.
 *
 * An op knows its place (hark_op.timer), so it can be moved or taken out without a search. Equal times keep the order of
 * their start. All costs are O(log n), a start with a late time O(1). The only memory is one array, which doubles. */
#ifndef BASE_TIMERS_H
#define BASE_TIMERS_H

#include "hark/op.h"

struct timer_entry {
    uint64_t at_ns;
    struct hark_op *op;
};

struct timers {
    struct timer_entry *entries;
    uint32_t count;
    uint32_t room;
    uint32_t next_order;
};

/* Where the root stands: families of four then start on cache lines, as large blocks of malloc begin 16 bytes after a page. */
enum { TIMERS_ROOT = 2 };

/* Puts an op in, or moves it where it is in already. Fails: -ENOMEM; a move cannot. */
int timers_set(struct timers *timers, struct hark_op *op, uint64_t at_ns);

/* Takes an op out. One that is not in: nothing happens. */
void timers_remove(struct timers *timers, struct hark_op *op);

/* The earliest time, HARK_NEVER where there is none. */
static inline uint64_t timers_next(const struct timers *timers)
{
    return timers->count ? timers->entries[TIMERS_ROOT].at_ns : HARK_NEVER;
}

static inline struct hark_op *timers_first(const struct timers *timers)
{
    return timers->entries[TIMERS_ROOT].op;
}

static inline uint64_t timers_time_of(const struct timers *timers, const struct hark_op *op)
{
    return timers->entries[op->timer - 1].at_ns;
}

void timers_done(struct timers *timers);

#endif
