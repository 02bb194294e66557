/* restore.h - reads the table of streams back, as the log is opened; what it says then saves
 * reading the segments that it speaks for. */
#ifndef HARK_COMMAND_LOG_RESTORE_H
#define HARK_COMMAND_LOG_RESTORE_H

#include "log/recovery_state.h"

/* Reads the table, if there is one: log->recovery->restored says what became of it.
 * Takes: the segments were found, and none is loaded.
 * Gives: to done: 0, also where it cannot be used; or a negative errno. */
void restore_begin(struct log_recovery *recovery,
                   void (*done)(struct log_recovery *recovery, int error));

/* The segment at hand is one that the table speaks for, and nothing of it has to be read: sets what
 * is to be known of it. */
bool restore_lists(struct log_recovery *recovery);

void restore_free(struct log_recovery *recovery);

#endif
