/* mappings.h - memory that a process has mapped. */
#ifndef SIM_WORLD_MAPPINGS_H
#define SIM_WORLD_MAPPINGS_H

#include "sim/world/state.h"

/* A file's memory, which is held, or memory of the process's own.
 * Takes: file: NULL: the process's own; protection, flags: of mmap(2).
 * Fails: as mmap(2); -ENODEV the file has none to share. */
int mappings_add(struct process *process, struct file *file, size_t bytes, int protection,
                 int flags, int64_t offset, void **out_memory);

/* Gives: whether it is mapped, from there on. */
bool mappings_remove(struct process *process, const void *memory);

/* What of these pages is mapped goes, as by munmap(2): a mapping may keep what is left on either
 * side. What files lend of their own memory stays.
 * Gives: of how many mappings; -EINVAL. */
int mappings_cut(struct process *process, void *memory, size_t bytes);

/* Whose memory stands there. Gives: whether any is mapped there; *out_file: NULL: the process's
 * own. */
bool mappings_find(const struct process *process, const void *memory, struct file **out_file);

/* How many it has. */
size_t mappings_count(const struct process *process);

/* All that the process has. */
void mappings_release(struct process *process);

#endif
