/* join_facts.h - what the kernel told of one op, as facts for people: so many that they can be
 * read. What is more of one kind stands together, and what is left out is counted. */
#ifndef HARK_COMMAND_TRACE_JOIN_FACTS_H
#define HARK_COMMAND_TRACE_JOIN_FACTS_H

#include "stages/op.h"
#include "trace/join_requests.h"
#include "trace/join_wakes.h"

enum { JOIN_DEVICES = 16 };

/* The names of devices that were looked up. In the caller's memory, zeroed. */
struct join_devices {
    struct {
        uint64_t device;
        char name[32];
    } known[JOIN_DEVICES];
    size_t count;
};

/* All that belongs to one op. */
struct join_found {
    uint64_t until_ns;                 /* the loop has its result: nothing younger is told */
    const struct join_moment *moments; /* of its request in io_uring; NULL: none */
    const struct list *blocks;         /* what was asked of devices; NULL: nothing */
    uint64_t
        no_device_ns;  /* when it was submitted, if no device was seen to be asked; 0: one was */
    bool is_immediate; /* it was complete when it had been submitted */
    bool has_slept;    /* the thread that submitted it slept over that */
    bool is_no_device_guess;
    const struct join_wake *wake; /* of the loop's thread, for it; NULL: none */
    const struct join_wake *runs; /* and when it had the CPU; NULL: not seen */
    bool is_wake_guess;
    bool is_readiness; /* the wake's cause is that of the op: nothing else is known of it */
};

/* Adds what was found to an op as its facts. Without memory some are not there. */
void join_facts_tell(struct join_devices *devices, struct trace_op *op,
                     const struct join_found *found);

#endif
