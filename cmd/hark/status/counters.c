/* counters.c - adding up. Every counter of a worker is a number of 64 bits, and the sum is a
 * counter again, but for the longest turn and the longest callback, which are the longest of
 * all. */
#include "status/counters.h"
#include "broker/broker.h"

#include <string.h>
#include <sys/resource.h>

void counters_read(struct counters *counters)
{
    struct worker *worker = counters->worker;
    counters->served = worker->counters;
    counters->loop = *hark_loop_metrics(worker->loop);
    counters->active = hark_loop_active(worker->loop);
    counters->last_stall = worker->last_stall;
    if (worker->broker)
        counters->broker = *broker_statistics(worker->broker);
    live_look(&worker->live);
    if (live_view(&worker->live))
        counters->stages = *live_view(&worker->live);
}

static void add(void *sum, const void *other, size_t bytes)
{
    uint64_t *to = sum;
    const uint64_t *from = other;
    for (size_t i = 0; i < bytes / sizeof *to; i++)
        to[i] += from[i];
}

static void add_counters(struct counters *sum, const struct counters *other)
{
    uint64_t longest_ns = sum->loop.longest_turn_ns;
    if (longest_ns < other->loop.longest_turn_ns)
        longest_ns = other->loop.longest_turn_ns;
    add(&sum->served, &other->served, sizeof sum->served);
    add(&sum->broker, &other->broker, sizeof sum->broker);
    add(&sum->loop, &other->loop, sizeof sum->loop);
    sum->loop.size = other->loop.size;
    sum->loop.longest_turn_ns = longest_ns;
    sum->active += other->active;
    live_view_join(&sum->stages, &other->stages);
    if (other->last_stall.ended_ns > sum->last_stall.ended_ns)
        sum->last_stall = other->last_stall;
}

void counters_total(const struct counters *all, uint32_t count, struct counters *out_total)
{
    memset(out_total, 0, sizeof *out_total);
    for (uint32_t i = 0; i < count; i++)
        add_counters(out_total, &all[i]);
}

_Static_assert(sizeof(struct worker_counters) % sizeof(uint64_t) == 0,
               "counters are numbers of 64 bits alone");
_Static_assert(sizeof(struct broker_statistics) % sizeof(uint64_t) == 0,
               "counters are numbers of 64 bits alone");
_Static_assert(sizeof(struct hark_metrics) % sizeof(uint64_t) == 0,
               "counters are numbers of 64 bits alone");

/* --- the loop's lag --- */

double counters_lag_upper(int bucket)
{
    return (double)(2ULL << bucket) / 1e9;
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

double counters_lag(const struct hark_metrics *metrics, double share)
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
            return least(counters_lag_upper(i), longest);
    }
    return longest;
}

/* --- the process --- */

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

struct counters_usage counters_usage(void)
{
    struct rusage usage;
    memset(&usage, 0, sizeof usage);
    hark_os_getrusage(RUSAGE_SELF, &usage);
    return (struct counters_usage){
        .user_seconds = seconds_of(usage.ru_utime),
        .system_seconds = seconds_of(usage.ru_stime),
        .max_resident_bytes = (uint64_t)usage.ru_maxrss * 1024,
        .voluntary_switches = (uint64_t)usage.ru_nvcsw,
        .involuntary_switches = (uint64_t)usage.ru_nivcsw,
    };
}
