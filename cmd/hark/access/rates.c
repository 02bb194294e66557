/* rates.c - token buckets, each held as one number: the moment at which all that was taken is
 * worked off. Numbers are whole nanoseconds; a count is never so large that they overflow. */
#include "access/rates.h"

static const uint64_t SECOND_NS = 1000000000U;
static const uint64_t COUNT_MAX = UINT64_C(1) << 32; /* more is the same */

static uint64_t last_of(const struct taken *taken)
{
    uint64_t last = 0;
    for (enum rate_kind kind = 0; kind < RATE_KINDS; kind++)
        if (taken->until_ns[kind] > last)
            last = taken->until_ns[kind];
    return last;
}

/* Its place, or the one that it takes. */
static struct taken *place_of(struct rates *rates, uint64_t address)
{
    uint64_t hash = (address ^ rates->seed) * UINT64_C(0x9e3779b97f4a7c15);
    struct taken *set = rates->all[hash >> 32 & (RATES_SETS - 1)];
    struct taken *oldest = set;
    for (struct taken *one = set; one < set + RATES_WAYS; one++) {
        if (one->address == address)
            return one;
        if (last_of(one) < last_of(oldest))
            oldest = one;
    }
    *oldest = (struct taken){.address = address};
    return oldest;
}

static void take(const struct rates *rates, struct taken *taken, enum rate_kind kind,
                 uint64_t count, uint64_t now_ns)
{
    uint64_t *until_ns = &taken->until_ns[kind];
    if (rates->per_second[kind] == 0 || *until_ns > UINT64_MAX / 4)
        return; /* that is far off enough */
    if (*until_ns < now_ns)
        *until_ns = now_ns;
    *until_ns += (count < COUNT_MAX ? count : COUNT_MAX) * SECOND_NS / rates->per_second[kind];
}

unsigned rates_ask(struct rates *rates, uint64_t address, const uint64_t counts[RATE_KINDS],
                   uint64_t now_ns, enum rate_kind *out_kind)
{
    struct taken *taken = place_of(rates, address);
    for (enum rate_kind kind = 0; kind < RATE_KINDS; kind++) {
        const uint64_t until_ns = taken->until_ns[kind];
        if (counts[kind] == 0 || rates->per_second[kind] == 0 || until_ns < now_ns + SECOND_NS)
            continue;
        *out_kind = kind;
        return (unsigned)((until_ns - now_ns - SECOND_NS) / SECOND_NS) + 1;
    }
    for (enum rate_kind kind = 0; kind < RATE_KINDS; kind++)
        take(rates, taken, kind, counts[kind], now_ns);
    return 0;
}

void rates_add(struct rates *rates, uint64_t address, enum rate_kind kind, uint64_t count,
               uint64_t now_ns)
{
    take(rates, place_of(rates, address), kind, count, now_ns);
}
