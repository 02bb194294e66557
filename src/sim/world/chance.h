/* chance.h - numbers from a seed: xoshiro256** (Blackman, Vigna), seeded by splitmix64. */
#ifndef SIM_WORLD_CHANCE_H
#define SIM_WORLD_CHANCE_H

#include <stdbool.h>
#include <stdint.h>

struct chance {
    uint64_t state[4];
};

void chance_seed(struct chance *chance, uint64_t seed);

uint64_t chance_next(struct chance *chance);

/* 0 to bound - 1; 0 where the bound is 0. */
uint64_t chance_below(struct chance *chance, uint64_t bound);

/* least to most, both included. */
uint64_t chance_between(struct chance *chance, uint64_t least, uint64_t most);

/* So many times in a million. */
bool chance_happens(struct chance *chance, uint32_t per_million);

/* A time that is mostly near the least, and now and then, up to most, far away: as devices are. */
uint64_t chance_delay(struct chance *chance, uint64_t least, uint64_t most);

#endif
