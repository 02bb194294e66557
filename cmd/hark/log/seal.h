/* seal.h - what remains to be done for a segment that is written no more. */
#ifndef HARK_COMMAND_LOG_SEAL_H
#define HARK_COMMAND_LOG_SEAL_H

#include "log/state.h"

/* Makes the active segment a sealed one: no write goes to it any more, and seal_begin follows.
 * Gives: 0; -ENOMEM, and then nothing has changed. */
int seal_active(struct log *log);

/* Cuts what never counted off, syncs what was answered before it was synced, writes the index. In
 * the background: where that fails, it is told to a person, and the index stays in memory.
 * Takes: an open segment with its index, pinned. */
void seal_begin(struct log_segment *segment);

#endif
