/* disk.h - the disk of a machine: its making, and the time that it takes. */
#ifndef SIM_DISK_DISK_H
#define SIM_DISK_DISK_H

#include "sim/disk/disk_state.h"

struct file;

/* The machine's disk, made when it is asked for first, with a root and /tmp on it. */
struct disk *disk_of(struct machine *machine);

/* NULL: nothing happens. */
void disk_destroy(struct disk *disk);

/* How long a read or write of so many bytes of an open file takes from now on, if it is made now:
 * next to nothing in the page cache, and on the device as long as that is busy with others. */
uint64_t disk_delay(struct file *file, size_t bytes, bool writes);

/* The same for a sync of it. */
uint64_t disk_sync_delay(struct file *file);

/* The same for a call that walks a path, on the disk of that process's machine. */
uint64_t disk_name_delay(const struct process *process);

#endif
