/* metrics.h - what a loop counts. All counters run from its creation and never go back. Reading
 * costs nothing.
 *
 * The struct only grows at its end, and an op keeps its number: a program that was built with an
 * older library reads right what it knows. One that may be linked with an older library than it was
 * built with reads a counter only if `size` reaches past it. */
#ifndef HARK_METRICS_H
#define HARK_METRICS_H

#include "base.h"
#include "op.h"

HARK_BEGIN

/* hark_metrics.lag[i] counts the turns whose handling took at least 2^i and under 2^(i+1)
 * nanoseconds; the first bucket takes in all below, the last all above. */
enum { HARK_LAG_BUCKETS = 40 };

/* The room of the counters by kind, so that new kinds move nothing. */
enum { HARK_OP_KINDS_MAX = 96 };

struct hark_metrics {
    uint64_t size; /* bytes of this struct in the library that is linked */
    uint64_t turns;
    uint64_t sleeps;            /* waits that could block */
    uint64_t wakes;             /* posts, stops and signals that had to wake the loop */
    uint64_t system_calls;      /* on the loop's thread */
    uint64_t waits;             /* io_uring_enter, epoll_pwait2, ppoll, pselect */
    uint64_t registrations;     /* epoll_ctl */
    uint64_t ring_full;         /* uring: starts that had to wait for a free submission entry */
    uint64_t overflows;         /* uring: times that the completion queue overflowed */
    uint64_t buffers_exhausted; /* times that a hark_recv_each found the pool empty */
    uint64_t lag_total_ns;      /* time spent handling, over all turns */
    uint64_t longest_turn_ns;   /* the longest of these times: what kept the loop most */
    uint64_t lag[HARK_LAG_BUCKETS];
    uint64_t requested[HARK_OP_KINDS_MAX]; /* starts, by enum hark_op_code */
    uint64_t handled[HARK_OP_KINDS_MAX];   /* final calls */
    uint64_t repeated[HARK_OP_KINDS_MAX];  /* calls of repeating ops before the final one */
};

HARK_END

#endif
