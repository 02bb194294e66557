/* moved.h - files that stood at the path and were renamed before they could be opened. */
#ifndef HARK_COMMAND_TAIL_MOVED_H
#define HARK_COMMAND_TAIL_MOVED_H

#include "tail/state.h"

/* A file in a watched directory was renamed. */
void tail_moved_note(struct tail_follower *follower, int watch, const char *from, const char *to);

/* The walk has told which directory matters: what was renamed in it meanwhile does, too. */
void tail_moved_take_early(struct tail_follower *follower);

/* Copies the names that the next walk opens: the list itself may change meanwhile. */
void tail_moved_choose(struct tail_follower *follower);

/* Opens the chosen files.
 * Thread: the pool's. */
void tail_moved_open(struct tail_follower *follower);

/* Takes over what the walk has opened, in order.
 * Gives: true: none is left, the path's own file may follow. *out_wait: the next one has to wait
 *   until there is room. */
bool tail_moved_adopt(struct tail_follower *follower, bool *out_wait);

/* Closes what was opened and not taken over. */
void tail_moved_close(struct tail_follower *follower);

#endif
