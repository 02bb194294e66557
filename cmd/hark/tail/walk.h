/* walk.h - looks along the path: which file stands there now, and which stood there meanwhile. */
#ifndef HARK_COMMAND_TAIL_WALK_H
#define HARK_COMMAND_TAIL_WALK_H

#include "tail/state.h"

/* Walks the path, soon; once more if a walk is under way. What it finds is taken over and read. */
void tail_walk(struct tail_follower *follower);

#endif
