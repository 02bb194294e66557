/* measures.c - the process and the loop in numbers. */
#include "status/measures.h"

#include <string.h>

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

struct measures measures_read(struct worker *worker)
{
    struct rusage usage;
    memset(&usage, 0, sizeof usage);
    getrusage(RUSAGE_SELF, &usage);
    return (struct measures){
        .uptime_seconds = (double)(hark_now(worker->loop) - worker->started_ns) / 1e9,
        .user_seconds = seconds_of(usage.ru_utime),
        .system_seconds = seconds_of(usage.ru_stime),
        .max_resident_bytes = (uint64_t)usage.ru_maxrss * 1024,
        .voluntary_switches = (uint64_t)usage.ru_nvcsw,
        .involuntary_switches = (uint64_t)usage.ru_nivcsw,
    };
}

double measures_lag_upper(int bucket)
{
    return (double)(2ULL << bucket) / 1e9;
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

double measures_lag(const struct hark_metrics *metrics, double share)
{
    double longest = (double)metrics->longest_turn_ns /
                     1e9; /* a bucket's upper end may be above all that is in it */
    uint64_t turns = 0;
    uint64_t below = 0;
    for (int i = 0; i < HARK_LAG_BUCKETS; i++)
        turns += metrics->lag[i];
    if (turns == 0)
        return 0;
    for (int i = 0; i < HARK_LAG_BUCKETS; i++) {
        below += metrics->lag[i];
        if ((double)below >= share * (double)turns)
            return least(measures_lag_upper(i), longest);
    }
    return longest;
}
