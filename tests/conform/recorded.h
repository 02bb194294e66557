/* recorded.h - what a loop's recorder has written down: for tests that hold it against what is
 * known. */
#ifndef TESTS_CONFORM_RECORDED_H
#define TESTS_CONFORM_RECORDED_H

#include "harness/harness.h"

#include <stdlib.h>

enum { EVENTS_MAX = 1 << 18 };

/* All that a ring holds, in its order. */
struct events {
    struct hark_trace_event *event; /* to be freed */
    size_t count;
    uint64_t lost;
};

/* The loop records from here on. Takes: events: of a ring; 0: EVENTS_MAX. */
void begin(struct hark_loop *loop, uint32_t events);

struct events take_all(const struct hark_trace_ring *ring);

/* The ring of the pool's threads, which stands behind the loop's. */
const struct hark_trace_ring *ring_behind(const struct hark_trace_ring *ring);

/* The first event that tells this of an op; NULL: there is none. */
const struct hark_trace_event *find(const struct events *all, enum hark_trace_what what,
                                    uint64_t op);

/* Where an op was handed on: an event of its own, or the first call that the loop made itself. */
const struct hark_trace_event *find_delegate(const struct events *all, uint64_t op);

/* Where its result came back: a return that is not to say that it waits, or the call, if that was
 * at the same moment. */
const struct hark_trace_event *find_return(const struct events *all, uint64_t op);

#endif
