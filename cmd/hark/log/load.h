/* load.h - one segment, taken into a log that is being opened. */
#ifndef HARK_COMMAND_LOG_LOAD_H
#define HARK_COMMAND_LOG_LOAD_H

#include "log/recovery_state.h"

/* Takes segment number recovery->at. Then loaded is called: the segment has been taken, was
 * dropped, or cannot be, and recovery->damaged says whether something of it is missing. */
void load_begin(struct log_recovery *recovery,
                void (*loaded)(struct log_recovery *recovery, int error));

#endif
