/* luck.h - the faults that chance brings. */
#ifndef SIM_LUCK_H
#define SIM_LUCK_H

#include <stdbool.h>
#include <stdint.h>

/* Whether this one meets a fault: so many of a million do, as the options have it. */
bool luck_fails(uint32_t per_million);

#endif
