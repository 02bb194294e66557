/* rate.c - a count for each of the newest seconds, in a ring: the second that is not over is
 * counted, and left out of the average.
 *
 * Thread: the broker's. */
#include "broker/rate.h"

#include <string.h>

enum { WINDOW = 5 };

static void advance(struct rate *rate, uint64_t now_ns)
{
    uint64_t second = now_ns / 1000000000U;
    if (second - rate->second >= RATE_SECONDS) {
        memset(rate->counts, 0, sizeof rate->counts);
        rate->second = second;
    }
    while (rate->second < second)
        rate->counts[++rate->second % RATE_SECONDS] = 0;
}

void rate_add(struct rate *rate, uint64_t now_ns)
{
    advance(rate, now_ns);
    rate->counts[rate->second % RATE_SECONDS]++;
}

double rate_per_second(struct rate *rate, uint64_t now_ns)
{
    uint64_t events = 0;
    advance(rate, now_ns);
    for (uint64_t ago = 1; ago <= WINDOW; ago++)
        events += rate->counts[(rate->second + RATE_SECONDS - ago) % RATE_SECONDS];
    return (double)events / WINDOW;
}
