/* luck.h - the faults that chance brings. */
#ifndef SIM_WORLD_LUCK_H
#define SIM_WORLD_LUCK_H

#include "sim/world/state.h"

/* Whether this one meets a fault that every program has to bear, such as a read that gives fewer
 * bytes: so many of a million do, as the options have it. */
bool luck_fails(enum hark_sim_fault_kind kind, uint32_t per_million);

/* The same for what a program is told as an error, or cannot know: it happens only in worlds that
 * were asked for faults (faults_per_million of the options). */
bool luck_errs(enum hark_sim_fault_kind kind, uint32_t per_million);

/* Whether one that chance brings may happen, by faults_off and faults_max of the options: then it
 * does. */
bool luck_allows(enum hark_sim_fault_kind kind);

/* One of the kind has happened. Those of the kinds behind POWER luck_allows counts. */
void luck_count(enum hark_sim_fault_kind kind);

#endif
