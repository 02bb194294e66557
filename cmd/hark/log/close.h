/* close.h - the end of a log: what its opening needs of it. */
#ifndef HARK_COMMAND_LOG_CLOSE_H
#define HARK_COMMAND_LOG_CLOSE_H

#include "log/state.h"

/* Frees all memory of a log that has nothing under way and no descriptor. */
void close_free(struct log *log);

#endif
