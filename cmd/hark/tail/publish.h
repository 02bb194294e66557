/* publish.h - from the buffer into the stream. */
#ifndef HARK_COMMAND_TAIL_PUBLISH_H
#define HARK_COMMAND_TAIL_PUBLISH_H

#include "tail/state.h"

/* Publishes units from the buffer.
 * Takes: done: called once the log has the units, or they have to be cut out anew; never from
 *   inside this call. If that was the end of their file, follower->reading is NULL.
 * Gives: false: the buffer holds none, or no memory is left and the follower was stopped. */
bool tail_publish(struct tail_follower *follower, tail_published *done);

#endif
