/* attempts.c - one number for each address: when all its failures are forgiven. A failure moves it
 * by some seconds, and it may be so many failures ahead of the clock. */
#include "access/attempts.h"

static const uint64_t SECOND_NS = 1000000000U;
static const uint64_t EACH_NS = ATTEMPTS_SECONDS * 1000000000ULL;

/* Its place, or the one that it takes. */
static struct attempt *place_of(struct attempts *attempts, uint64_t address)
{
    uint64_t hash = (address ^ attempts->seed) * UINT64_C(0x9e3779b97f4a7c15);
    struct attempt *set = attempts->all[hash >> 32 & (ATTEMPTS_SETS - 1)];
    struct attempt *oldest = set;
    for (struct attempt *one = set; one < set + ATTEMPTS_WAYS; one++) {
        if (one->address == address)
            return one;
        if (one->until_ns < oldest->until_ns)
            oldest = one;
    }
    *oldest = (struct attempt){.address = address};
    return oldest;
}

unsigned attempts_fail(struct attempts *attempts, uint64_t address, uint64_t now_ns)
{
    struct attempt *attempt = place_of(attempts, address);
    if (attempt->until_ns < now_ns)
        attempt->until_ns = now_ns;
    uint64_t ahead_ns = attempt->until_ns - now_ns + EACH_NS;
    if (ahead_ns <= ATTEMPTS_AT_ONCE * EACH_NS) {
        attempt->until_ns += EACH_NS;
        return 0;
    }
    return (unsigned)((ahead_ns - ATTEMPTS_AT_ONCE * EACH_NS + SECOND_NS - 1) / SECOND_NS);
}
