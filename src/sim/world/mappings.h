/* mappings.h - memory that a process has mapped. */
#ifndef SIM_WORLD_MAPPINGS_H
#define SIM_WORLD_MAPPINGS_H

#include "sim/world/state.h"

/* A file's memory, which is held, or memory of the process's own.
 * Takes: file: NULL: the process's own, with these flags of mmap(2).
 * Fails: -ENODEV the file has none to share; -ENOMEM. */
int mappings_add(struct process *process, struct file *file, size_t bytes, int flags,
                 int64_t offset, void **out_memory);

/* What is not mapped: nothing happens. */
void mappings_remove(struct process *process, const void *memory);

/* How many it has. */
size_t mappings_count(const struct process *process);

/* All that the process has. */
void mappings_release(struct process *process);

#endif
