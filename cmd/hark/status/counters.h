/* counters.h - the server in numbers: what all workers have counted, together, and what the process
 * has used. */
#ifndef HARK_COMMAND_STATUS_COUNTERS_H
#define HARK_COMMAND_STATUS_COUNTERS_H

#include "broker/statistics.h"
#include "connection/worker.h"

/* What a worker has counted, as it said last. */
struct counters {
    struct mail mail; /* to have it say so anew */
    struct worker *worker;
    struct worker_counters served;
    struct broker_statistics broker;
    struct hark_metrics loop;
    uint64_t active; /* ops in flight */
    struct live_view stages;
    struct live_callback last_stall;
};

/* Fills in what the worker counts now. As somebody looks, its loop is recorded from here on.
 * Thread: the worker's. */
void counters_read(struct counters *counters);

/* What several have said last, in one. */
void counters_total(const struct counters *all, uint32_t count, struct counters *out_total);

/* The longest time that the given share (0 to 1) of all turns took, in seconds; as exact as the
 * buckets: it is the upper end of one. */
double counters_lag(const struct hark_metrics *metrics, double share);

/* The upper end of a bucket of hark_metrics.lag, in seconds. */
double counters_lag_upper(int bucket);

/* What the process has used. */
struct counters_usage {
    double user_seconds;
    double system_seconds;
    uint64_t max_resident_bytes;
    uint64_t voluntary_switches;
    uint64_t involuntary_switches;
};

struct counters_usage counters_usage(void);

#endif
