/* power.h - switching machines off, without warning, and on. */
#ifndef SIM_DISK_POWER_H
#define SIM_DISK_POWER_H

#include "sim/world/state.h"

/* The power fails: at once where none of its threads runs, else at the end of this. All processes
 * end, and the disk keeps what the device has. */
void power_off(struct machine *machine);

#endif
