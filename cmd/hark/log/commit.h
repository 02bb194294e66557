/* commit.h - the appends on their way to the disk. */
#ifndef HARK_COMMAND_LOG_COMMIT_H
#define HARK_COMMAND_LOG_COMMIT_H

#include "log/state.h"

/* Fails: -ENOMEM. */
int commit_init(struct log *log);
void commit_done(struct log *log);

/* Lets the interval's timer go: the log is being closed. */
void commit_stop(struct log *log);

#endif
