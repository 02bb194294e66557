/* rate.h - how many events a second, over the last five seconds. */
#ifndef HARK_COMMAND_BROKER_RATE_H
#define HARK_COMMAND_BROKER_RATE_H

#include <stdint.h>

enum { RATE_SECONDS = 8 }; /* that are kept; a power of two above the window */

/* Zeroed at first; all private. */
struct rate {
    uint64_t second; /* the newest that `counts` has */
    uint32_t counts[RATE_SECONDS];
};

/* One event more.
 * Takes: now_ns: the loop's time. */
void rate_add(struct rate *rate, uint64_t now_ns);

/* Events in each of the last five whole seconds, on average. */
double rate_per_second(struct rate *rate, uint64_t now_ns);

#endif
