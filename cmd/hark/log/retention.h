/* retention.h - when old segments go. */
#ifndef HARK_COMMAND_LOG_RETENTION_H
#define HARK_COMMAND_LOG_RETENTION_H

#include "log/state.h"

/* Removes what is to be removed by now, and sets the timer for what comes next. Call it when a
 * segment was sealed. */
void retention_check(struct log *log);

/* Removes sealed segments in which nothing is left but what was deleted. */
void retention_drop_dead(struct log *log);

/* Takes the timer away. */
void retention_stop(struct log *log);

#endif
