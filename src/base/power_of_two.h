/* power_of_two.h - sizes of tables and rings whose places are found by a mask. */
#ifndef BASE_POWER_OF_TWO_H
#define BASE_POWER_OF_TWO_H

#include <stdint.h>

/* Gives: the least power of two that is as large.
 * Takes: up to 2^31; of 0 it makes 1. */
static inline uint32_t power_of_two_from(uint32_t count)
{
    return count <= 1 ? 1 : 1u << (32 - __builtin_clz(count - 1));
}

#endif
