/* missed.h - files that nobody saw come and go: what is looked for, and what was found. */
#ifndef HARK_COMMAND_TAIL_MISSED_H
#define HARK_COMMAND_TAIL_MISSED_H

#include "tail/state.h"

/* Something may have come and gone unseen: the next walk looks at all names. */
void tail_missed_look(struct tail_follower *follower);

/* What a survey has to know.
 * Gives: a survey that was made ready; NULL: memory or descriptors are lacking. */
struct survey *tail_missed_begin(struct tail_follower *follower);

/* What stands at the path as the walk has found it, before the survey is made.
 * Thread: the pool's. */
void tail_missed_add_path(struct survey *survey, const struct resolution *found);

/* Puts what a survey has found in front of the names to open, and tells what could not be found. */
void tail_missed_take(struct tail_follower *follower);

/* The walk of a survey was not made: the next one looks again. */
void tail_missed_drop(struct tail_follower *follower);

/* The walk of a survey has not reached the directory: the next one that does looks at it. What
 * waited for that goes on: nothing can be found before it. */
void tail_missed_wait(struct tail_follower *follower);

/* The copy of a place's file is open: there is no other one. */
void tail_missed_found(struct tail_follower *follower, const struct position_place *place);

/* What a survey has found is of no use any more. */
void tail_missed_forget(struct tail_follower *follower);

/* All files that a survey has found are open, in order. */
void tail_missed_done(struct tail_follower *follower);

#endif
