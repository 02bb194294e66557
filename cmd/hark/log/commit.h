/* commit.h - the appends on their way to the disk. */
#ifndef HARK_COMMAND_LOG_COMMIT_H
#define HARK_COMMAND_LOG_COMMIT_H

#include "log/state.h"

/* Fails: -ENOMEM. */
int commit_init(struct log *log);
void commit_done(struct log *log);

/* Lets the interval's timer go: the log is being closed. */
void commit_stop(struct log *log);

/* A sync of the segment has failed: it takes no more, as the kernel tells of that only once. */
void commit_sync_failed(struct log *log, struct log_segment *segment);

#endif
