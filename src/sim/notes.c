/* notes.c - see the header. */
#include "sim/notes.h"
#include "sim/state.h"

static void fold(uint64_t value)
{
    world->hash = (world->hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    world->hash ^= world->hash >> 29;
}

void note(const char *what, uint64_t one, uint64_t two, uint64_t three)
{
    uint64_t name = 0;
    for (; *what; what++)
        name = name * 31 + (unsigned char)*what;
    fold(name);
    fold(world->now_ns);
    fold(one);
    fold(two);
    fold(three);
}

uint64_t hark_sim_hash(const struct hark_sim *of)
{
    return of->hash;
}
