/* let_go.h - files that are no longer at the path are let go in time. */
#ifndef HARK_COMMAND_TAIL_LET_GO_H
#define HARK_COMMAND_TAIL_LET_GO_H

#include "tail/state.h"

/* Sees to it that old files are let go once they have not grown for long enough. */
void tail_let_go(struct tail_follower *follower);

#endif
