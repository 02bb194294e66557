/* flock.h - locks of whole files: flock(2). */
#ifndef SIM_DISK_FLOCK_H
#define SIM_DISK_FLOCK_H

#include <stdbool.h>

struct file;

/* Whether there is such an operation. It is looked at before the descriptor is. */
bool flock_is_known(int operation);

/* Takes: operation: LOCK_SH, LOCK_EX, LOCK_UN, with LOCK_NB or without.
 * Gives: 0; -EAGAIN another has it: file_wake tells when to try again. */
int flock_try(struct file *file, int operation);

#endif
