/* spread.c - a histogram whose buckets grow with the values. */
#include "trace/spread.h"

enum { PART_BITS = 5 };
_Static_assert(1 << PART_BITS == TRACE_SPREAD_PARTS, "the parts are counted in bits");

/* Values below 32 have a bucket each; then each power of two has 32. */
static unsigned bucket_of(uint64_t value)
{
    if (value < TRACE_SPREAD_PARTS)
        return (unsigned)value;
    unsigned power = 63u - (unsigned)__builtin_clzll(value);
    unsigned part = (unsigned)(value >> (power - PART_BITS)) & (TRACE_SPREAD_PARTS - 1);
    return (power - PART_BITS + 1) * TRACE_SPREAD_PARTS + part;
}

/* The largest value of a bucket. */
static uint64_t end_of(unsigned bucket)
{
    if (bucket < TRACE_SPREAD_PARTS)
        return bucket;
    unsigned shift = bucket / TRACE_SPREAD_PARTS - 1;
    uint64_t part = bucket % TRACE_SPREAD_PARTS + TRACE_SPREAD_PARTS;
    return ((part + 1) << shift) - 1;
}

void trace_spread_add(struct trace_spread *spread, uint64_t value)
{
    if (spread->count == 0 || value < spread->least)
        spread->least = value;
    if (value > spread->most)
        spread->most = value;
    spread->count++;
    spread->sum += value;
    spread->buckets[bucket_of(value)]++;
}

uint64_t trace_spread_percentile(const struct trace_spread *spread, double percent)
{
    double wanted = (double)spread->count * percent / 100;
    uint64_t seen = 0;
    for (unsigned bucket = 0; bucket < TRACE_SPREAD_BUCKETS; bucket++) {
        seen += spread->buckets[bucket];
        if (spread->buckets[bucket] != 0 && (double)seen >= wanted)
            return end_of(bucket) < spread->most ? end_of(bucket) : spread->most;
    }
    return spread->most;
}
