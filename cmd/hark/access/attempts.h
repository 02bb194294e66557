/* attempts.h - how often each address has failed to say who it is. The table has one size, however
 * many addresses there are: whoever fails for the first time takes the place of the one that has
 * been quiet for longest among a few.
 *
 * Thread: one. */
#ifndef HARK_COMMAND_ACCESS_ATTEMPTS_H
#define HARK_COMMAND_ACCESS_ATTEMPTS_H

#include <stdint.h>

enum {
    ATTEMPTS_AT_ONCE = 20, /* failures of an address before it is refused */
    ATTEMPTS_SECONDS = 3,  /* and one more each so many seconds */
    ATTEMPTS_SETS = 256,
    ATTEMPTS_WAYS = 4,
};

struct attempt {
    uint64_t address;
    uint64_t until_ns; /* its failures are all forgiven then */
};

/* Zeroed at first, then `seed` is set to a random number. */
struct attempts {
    uint64_t seed;
    struct attempt all[ATTEMPTS_SETS][ATTEMPTS_WAYS];
};

/* An address has failed once more.
 * Gives: 0; else it has done so too often, and after so many seconds it may try again. */
unsigned attempts_fail(struct attempts *attempts, uint64_t address, uint64_t now_ns);

#endif
