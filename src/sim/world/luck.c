/* luck.c - see the header. */
#include "sim/world/luck.h"

enum { NEVER = 1, ALL = 1000000 };

bool luck_allows(enum hark_sim_fault_kind kind)
{
    const struct hark_sim_options *options = &world->options;
    if (options->faults_off >> kind & 1)
        return false;
    if (options->faults_max && world->faults_by_chance >= options->faults_max)
        return false;
    world->faults_by_chance++;
    if (kind > HARK_SIM_FAULT_POWER)
        luck_count(kind);
    return true;
}

/* The draw is made in any case: a world in which some do not happen is the same up to the first of
 * those. */
bool luck_fails(enum hark_sim_fault_kind kind, uint32_t per_million)
{
    uint32_t wanted = world->options.faults_per_million;
    if (wanted == NEVER)
        return false;
    uint64_t scaled = (uint64_t)per_million * wanted / ALL;
    return chance_happens(&world->chance, scaled > ALL ? ALL : (uint32_t)scaled) &&
           luck_allows(kind);
}

bool luck_errs(enum hark_sim_fault_kind kind, uint32_t per_million)
{
    return world->errs && luck_fails(kind, per_million);
}

void luck_count(enum hark_sim_fault_kind kind)
{
    world->faults[kind]++;
}

uint64_t hark_sim_faults(const struct hark_sim *of, enum hark_sim_fault_kind kind)
{
    return kind == HARK_SIM_FAULT_KINDS ? of->faults_by_chance : of->faults[kind];
}
