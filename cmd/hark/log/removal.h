/* removal.h - what is dead in segments, and how one goes. */
#ifndef HARK_COMMAND_LOG_REMOVAL_H
#define HARK_COMMAND_LOG_REMOVAL_H

#include "log/state.h"

/* The events of a stream that is deleted are dead.
 * Gives: whether there is a segment in which nothing is left. */
bool removal_bury(struct log *log, const struct log_row *stream);

/* Takes a segment out of the list, and removes its files once nobody reads it.
 * Takes: at: its place in the list; it is sealed. */
void removal_begin(struct log *log, size_t at);

#endif
