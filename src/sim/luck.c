/* luck.c - see the header. */
#include "sim/luck.h"

enum { NEVER = 1, ALL = 1000000 };

bool luck_fails(uint32_t per_million)
{
    uint32_t wanted = world->options.faults_per_million;
    if (wanted == NEVER)
        return false;
    uint64_t scaled = (uint64_t)per_million * wanted / ALL;
    return chance_happens(&world->chance, scaled > ALL ? ALL : (uint32_t)scaled);
}

bool luck_errs(uint32_t per_million)
{
    return world->errs && luck_fails(per_million);
}

void luck_count(enum hark_sim_fault_kind kind)
{
    world->faults[kind]++;
}

uint64_t hark_sim_faults(const struct hark_sim *of, enum hark_sim_fault_kind kind)
{
    return of->faults[kind];
}
