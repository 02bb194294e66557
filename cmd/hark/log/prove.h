/* prove.h - makes the end of a recovered segment durable anew. */
#ifndef HARK_COMMAND_LOG_PROVE_H
#define HARK_COMMAND_LOG_PROVE_H

#include "log/recovery_state.h"

/* Writes again what stands in the segment from its last proven place on, so that the next sync of
 * it is one of these very bytes.
 * Takes: recovery->scan: set as for the reading that follows, but for its callbacks; recovery->fd:
 *   open for writing.
 * Gives: to done, 0 or a negative errno. */
void prove_begin(struct log_recovery *recovery,
                 void (*done)(struct log_recovery *recovery, int error));

#endif
