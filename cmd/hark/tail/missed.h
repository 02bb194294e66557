/* missed.h - files that nobody saw come and go: what is looked for, and what was found. */
#ifndef HARK_COMMAND_TAIL_MISSED_H
#define HARK_COMMAND_TAIL_MISSED_H

#include "tail/state.h"

/* Something may have come and gone unseen: the next walk looks at all names. */
void tail_missed_look(struct tail_follower *follower);

/* What a survey has to know.
 * Gives: a survey that was made ready; NULL: memory or descriptors are lacking. */
struct survey *tail_missed_begin(struct tail_follower *follower);

/* Puts what a survey has found in front of the names to open, and tells what could not be found. */
void tail_missed_take(struct tail_follower *follower);

/* The walk of a survey was not made: the next one looks again. */
void tail_missed_drop(struct tail_follower *follower);

#endif
