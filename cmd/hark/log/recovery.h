/* recovery.h - from a directory to an open log. */
#ifndef HARK_COMMAND_LOG_RECOVERY_H
#define HARK_COMMAND_LOG_RECOVERY_H

#include "log/state.h"

/* The log is open, or error says why not: then it is to be closed. */
typedef void recovery_done(struct log *log, int error, void *context);

/* Begins.
 * Takes: a log with path, options and commit ready.
 * Gives: 0, and done will be called.
 * Fails: -ENOMEM. */
int recovery_begin(struct log *log, recovery_done *done, void *context);

#endif
