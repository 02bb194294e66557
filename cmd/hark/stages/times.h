/* times.h - how long the stages of ops took, counted by kind: what is left of ops that were
 * recorded, in memory that does not grow with their number. */
#ifndef HARK_COMMAND_STAGES_TIMES_H
#define HARK_COMMAND_STAGES_TIMES_H

#include "stages/op.h"

/* A request's way, as the loop sees it. */
enum stage {
    STAGE_SUBMISSION,   /* 2>3: asked for, until the kernel, the pool or the timers have it */
    STAGE_KERNEL,       /* 3>6: from there until the loop has its result: the kernel, the device,
                           and the peer or the clock where it waits for one */
    STAGE_NOTIFICATION, /* 6>7: from there until its callback has its turn */
    STAGE_CALLBACK,     /* 7 */
    STAGES,
};

/* "submission". */
const char *stage_name(enum stage stage);

/* What comes late where a callback takes long. */
enum stage_lateness {
    STAGE_LATE_TIMERS,    /* from the moment at which a timer is due to its callback */
    STAGE_LATE_CALLBACKS, /* from the moment at which the loop wakes, or has the result if that is
                             later and nothing woke it, to the callback */
    STAGE_LATENESSES,
};

/* "timers". */
const char *stage_lateness_name(enum stage_lateness lateness);

/* Bucket i has the times of at least 2^i and under 2^(i+1) nanoseconds; the first all below, the
 * last all above. */
enum { STAGE_BUCKETS = 40 };

/* Numbers of 64 bits alone, so that several can be added up, as in struct stage_times. */
struct stage_histogram {
    uint64_t sum_ns;
    uint64_t buckets[STAGE_BUCKETS];
};

struct stage_times {
    struct stage_histogram ops[HARK_OP_KINDS][STAGES];
    struct stage_histogram late[STAGE_LATENESSES];
};

uint64_t stage_histogram_count(const struct stage_histogram *histogram);

/* The upper end of a bucket, in seconds. */
double stage_bucket_seconds(int bucket);

/* Counts an op that has ended. */
void stage_times_add(struct stage_times *times, const struct trace_op *op);

/* Adds what others have counted. */
void stage_times_join(struct stage_times *times, const struct stage_times *others);

#endif
