/* measures.h - what /metrics and /stats both tell, read at one moment. */
#ifndef STATUS_MEASURES_H
#define STATUS_MEASURES_H

#include "connection/worker.h"

#include <sys/resource.h>

struct measures {
    double uptime_seconds;
    double user_seconds;
    double system_seconds;
    uint64_t max_resident_bytes;
    uint64_t voluntary_switches;
    uint64_t involuntary_switches;
};

struct measures measures_read(struct worker *worker);

/* The longest time that the given share (0 to 1) of all turns took, in seconds; as exact as the
 * buckets: it is the upper end of one. */
double measures_lag(const struct hark_metrics *metrics, double share);

/* The upper end of a bucket of hark_metrics.lag, in seconds. */
double measures_lag_upper(int bucket);

#endif
