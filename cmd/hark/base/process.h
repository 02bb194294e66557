/* process.h - variables of the whole process.
 *
 * In a simulated world (hark/sim.h) many processes run in one program. What the command keeps in
 * static variables that change is marked, so that each of them has its own there. */
#ifndef HARK_COMMAND_BASE_PROCESS_H
#define HARK_COMMAND_BASE_PROCESS_H

/* Behind `static`. */
#ifdef HARK_SIMULATED
#include "hark/sim.h"
#define PROCESS_LOCAL HARK_SIM_PROCESS_LOCAL
#else
#define PROCESS_LOCAL
#endif

#endif
