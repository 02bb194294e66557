/* rates.h - how much each address asks for in a time: requests, and bytes that it publishes. What
 * is over a rate waits; a second's worth may come at once. The table has one size, however many
 * addresses there are: a new one takes the place of the one that has been quiet for longest among a
 * few.
 *
 * Thread: one. */
#ifndef HARK_COMMAND_ACCESS_RATES_H
#define HARK_COMMAND_ACCESS_RATES_H

#include <stdint.h>

enum rate_kind { RATE_REQUESTS, RATE_BYTES, RATE_KINDS };

enum {
    RATES_SETS = 1024,
    RATES_WAYS = 4,
};

/* Of one address: when what it has asked for is worked off, at its rate. */
struct taken {
    uint64_t address;
    uint64_t until_ns[RATE_KINDS];
};

/* Zeroed at first, then `seed` is set to a random number, and `per_second`. */
struct rates {
    uint64_t seed;
    uint64_t per_second[RATE_KINDS]; /* 0: no limit */
    struct taken all[RATES_SETS][RATES_WAYS];
};

/* An address asks for something.
 * Takes: counts: how much of each kind: it is let in as long as what came before it is not over the
 *   rate by more than a second, however much it is itself.
 * Gives: 0, and it is counted; else after so many seconds it may ask again, and *out_kind tells of
 *   what it has too much. */
unsigned rates_ask(struct rates *rates, uint64_t address, const uint64_t counts[RATE_KINDS],
                   uint64_t now_ns, enum rate_kind *out_kind);

/* It was let in before, and this comes with it. */
void rates_add(struct rates *rates, uint64_t address, enum rate_kind kind, uint64_t count,
               uint64_t now_ns);

#endif
