/* start.h - where publishing stood when the last process ended. */
#ifndef HARK_COMMAND_TAIL_START_H
#define HARK_COMMAND_TAIL_START_H

#include "tail/state.h"

/* Finds out where to begin; then the follower is ready, and its path is walked. */
void tail_start(struct tail_follower *follower);

#endif
