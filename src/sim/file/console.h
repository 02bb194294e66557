/* console.h - what stands behind the descriptors 0 to 2 of a process. */
#ifndef SIM_FILE_CONSOLE_H
#define SIM_FILE_CONSOLE_H

#include "sim/world/state.h"

/* Opens all three. What is written to them is the real machine's to show, unless the world is
 * quiet; what is read from them has come to its end. */
void console_open(struct process *process);

#endif
