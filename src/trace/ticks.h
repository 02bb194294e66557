/* ticks.h - the time of CLOCK_MONOTONIC, read from the CPU's own counter where the kernel makes its
 * clock of that: a third of what the clock costs.
 *
 * The clock and the counter are read together, 128 us apart and more: between two such pairs a time
 * is the first one's and what has been counted since. How many nanoseconds a tick has is learned
 * from pairs that are 8 ms to 1 s apart, each time anew; until it is known, the clock is read.
 *
 * What must hold: a time is not ahead of the clock, so that what another thread reads from the
 * clock itself later is later; and it is less than TICKS_BEHIND_NS behind. 400 ns of that are for
 * the two readings of a pair. The rest is for the 128 us, at a rate that was the least that the
 * last 8 ms allow. A clock that is slewed as fast as the kernel does it by itself, 500 parts in a
 * million (adjtimex(2)), may stay behind a time by 131 ns for so long as that begins and ends.
 *
 * What breaks this, the next pair sees, which is then the last: from there on the clock is read. It
 * may be a virtual machine that has gone to one of another frequency, a clock that is set right
 * faster than that, or counters that are not alike on all CPUs, of which the kernel makes no clock.
 * The times of the 128 us before are wrong by what the counter was. After a pause, however long,
 * and after the machine has slept, the first reading is a pair: nothing is counted over 128 us.
 *
 * One thread reads one of these. */
#ifndef TRACE_TICKS_H
#define TRACE_TICKS_H

#include "base/check.h"
#include "kernel/kernel.h"

enum { TICKS_BEHIND_NS = 1000 };

struct ticks {
    uint64_t from_ticks; /* the last pair: the clock was read just before the counter */
    uint64_t from_ns;
    uint64_t span; /* times of so many ticks after it can be told; 0: none can */
    uint64_t rate; /* nanoseconds of a tick, times 2^32, and not more than that; 0: not known */
    uint64_t base_ticks; /* the pair that the rate is learned from next; the clock just after it */
    uint64_t base_ns;    /* 0: there is none */
    uint32_t apart;      /* pairs one after the other that were not read in one go */
    bool trusted;        /* there is such a counter, and it has been right so far */
};

/* Asks the kernel what its clock is made of. */
void ticks_init(struct ticks *ticks);

/* The clock, and what is learned from it. */
__attribute__((noinline, cold)) uint64_t ticks_pair(struct ticks *ticks);

/* The time. It may be less than one that was told before. */
static inline __attribute__((always_inline)) uint64_t ticks_clock(struct ticks *ticks)
{
    if (unlikely(ticks->span == 0))
        return ticks_pair(ticks);
    uint64_t past = kernel_ticks() - ticks->from_ticks;
    if (unlikely(past >= ticks->span))
        return ticks_pair(ticks);
    return ticks->from_ns + (past * ticks->rate >> 32);
}

#endif
