/* disk.h - the disk of a machine, as far as time is concerned. */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include "sim/state.h"

/* How long a read or write of so many bytes of a regular file takes from now on, if it is made
 * now. */
uint64_t disk_delay(struct file *file, size_t bytes, bool writes);

#endif
