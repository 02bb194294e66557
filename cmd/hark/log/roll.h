/* roll.h - from one segment to the next. */
#ifndef HARK_COMMAND_LOG_ROLL_H
#define HARK_COMMAND_LOG_ROLL_H

#include "log/state.h"

/* Makes a new active segment, durably: its header, the declaration of all streams, its name in the
 * directory. The one before is sealed. done(log, 0), or a negative errno, and then nothing has
 * changed. One at a time, and no commit meanwhile. */
void roll_begin(struct log *log, void (*done)(struct log *log, int error));

#endif
