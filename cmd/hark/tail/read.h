/* read.h - from the files into the buffer, and on into the stream. */
#ifndef HARK_COMMAND_TAIL_READ_H
#define HARK_COMMAND_TAIL_READ_H

#include "tail/state.h"

/* Goes on with whatever there is to read. If something is being read or published, nothing
 * happens. */
void tail_read(struct tail_follower *follower);

#endif
