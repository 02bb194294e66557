/* chance.c - see the header. */
#include "sim/world/chance.h"

static uint64_t rotate(uint64_t value, int count)
{
    return value << count | value >> (64 - count);
}

void chance_seed(struct chance *chance, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        uint64_t mixed = seed += UINT64_C(0x9e3779b97f4a7c15);
        mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
        chance->state[i] = mixed ^ mixed >> 31;
    }
}

uint64_t chance_next(struct chance *chance)
{
    uint64_t *state = chance->state;
    uint64_t result = rotate(state[1] * 5, 7) * 9;
    uint64_t shifted = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotate(state[3], 45);
    return result;
}

uint64_t chance_below(struct chance *chance, uint64_t bound)
{
    return bound ? (uint64_t)((unsigned __int128)chance_next(chance) * bound >> 64) : 0;
}

uint64_t chance_between(struct chance *chance, uint64_t least, uint64_t most)
{
    return least + chance_below(chance, most - least + 1);
}

bool chance_happens(struct chance *chance, uint32_t per_million)
{
    return per_million > 0 && chance_below(chance, 1000000) < per_million;
}

uint64_t chance_delay(struct chance *chance, uint64_t least, uint64_t most)
{
    uint64_t range = most - least;
    for (unsigned halvings = (unsigned)chance_below(chance, 8); halvings > 0; halvings--)
        range /= 4;
    return least + chance_below(chance, range + 1);
}
