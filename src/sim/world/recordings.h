/* recordings.h - the stages of the loops of a world, recorded for whoever looks on from outside
 * (hark_sim_trace). */
#ifndef SIM_WORLD_RECORDINGS_H
#define SIM_WORLD_RECORDINGS_H

#include "sim/world/state.h"

/* A world begins, in which nobody looks on; it ends. */
void recordings_begin(void);
void recordings_done(void);

/* The process is over: so are those that its loops have not ended. */
void recordings_end(struct process *process);

#endif
