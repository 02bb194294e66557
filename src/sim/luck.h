/* luck.h - the faults that chance brings. */
#ifndef SIM_LUCK_H
#define SIM_LUCK_H

#include "sim/state.h"

/* Whether this one meets a fault that every program has to bear, such as a read that gives fewer
 * bytes: so many of a million do, as the options have it. */
bool luck_fails(uint32_t per_million);

/* The same for what a program is told as an error, or cannot know: it happens only in worlds that
 * were asked for faults (faults_per_million of the options). */
bool luck_errs(uint32_t per_million);

/* One of the kind has happened. */
void luck_count(enum hark_sim_fault_kind kind);

#endif
