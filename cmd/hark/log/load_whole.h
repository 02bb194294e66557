/* load_whole.h - a segment of which no index tells, taken by reading all of it. */
#ifndef HARK_COMMAND_LOG_LOAD_WHOLE_H
#define HARK_COMMAND_LOG_LOAD_WHOLE_H

#include "log/recovery_state.h"

/* Takes recovery->segment, then calls recovery->loaded. recovery->sealed: its index, if that knows
 * of more than can be found. */
void load_whole_begin(struct log_recovery *recovery);

#endif
