/* spread.h - how a number of durations are spread: percentiles from memory that does not grow with
 * their number. */
#ifndef HARK_COMMAND_TRACE_SPREAD_H
#define HARK_COMMAND_TRACE_SPREAD_H

#include <stdint.h>

/* Each power of two is divided into 32, so a percentile is at most a thirty-second too high. */
enum { TRACE_SPREAD_PARTS = 32, TRACE_SPREAD_BUCKETS = 60 * TRACE_SPREAD_PARTS };

/* In the caller's memory, zeroed. */
struct trace_spread {
    uint64_t count;
    uint64_t least, most; /* exact */
    uint64_t sum;
    uint32_t buckets[TRACE_SPREAD_BUCKETS];
};

void trace_spread_add(struct trace_spread *spread, uint64_t value);

/* Takes: at least one value; percent 0 to 100.
 * Gives: a value that so many of a hundred do not exceed; at 100 the largest, exactly. */
uint64_t trace_spread_percentile(const struct trace_spread *spread, double percent);

#endif
