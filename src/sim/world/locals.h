/* locals.h - the static variables of which each process has its own (HARK_SIM_PROCESS_LOCAL). */
#ifndef SIM_WORLD_LOCALS_H
#define SIM_WORLD_LOCALS_H

#include "sim/world/state.h"

/* Those of the process are in place from here on; NULL: as they were at first. */
void locals_of(struct process *process);

/* The world ends. */
void locals_done(void);

#endif
