/* readable.h - memory that may not be there. */
#ifndef SIM_WORLD_READABLE_H
#define SIM_WORLD_READABLE_H

#include <stddef.h>
#include <stdint.h>

/* Copies as process_vm_readv(2) does of the own process.
 * Gives: how many bytes could be read from there on; -EFAULT: not one. */
int64_t readable_copy(void *to, const void *from, size_t count);

/* Memory has gone back to the real machine: what was there may not be any more. */
void readable_forget(const void *memory, size_t bytes);

#endif
