/* wall.h - the wall clocks of machines: none goes right, and now and then one is set. */
#ifndef SIM_WORLD_WALL_H
#define SIM_WORLD_WALL_H

#include "sim/world/state.h"

void wall_begin(struct machine *machine);

/* CLOCK_REALTIME. Nobody has asked for it who could be surprised. */
uint64_t wall_ns(const struct machine *machine);

/* The same for a process that asks: it may have been set just before. */
uint64_t wall_read(struct machine *machine);

/* As it goes by ticks: CLOCK_REALTIME_COARSE, and the times of files. */
uint64_t wall_coarse_ns(const struct machine *machine);

#endif
