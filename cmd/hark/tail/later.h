/* later.h - what could not be had is tried again, later and later. */
#ifndef HARK_COMMAND_TAIL_LATER_H
#define HARK_COMMAND_TAIL_LATER_H

#include "tail/state.h"

/* Calls back after a time that doubles from try to try; at once if a descriptor lacked (error) that
 * was kept for such times. A call while that waits does nothing.
 * Takes: rang: has to call pending_end. */
void tail_later(struct tail *tail, struct tail_again *again, int64_t error,
                void (*rang)(struct hark_op *op, int64_t result));

/* Tries again later what the follower could not have: its start, its path, its bytes. */
void tail_follower_later(struct tail_follower *follower, int64_t error);

#endif
