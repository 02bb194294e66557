/* places.h - where the files stand is kept: in the log, and beside the log. */
#ifndef HARK_COMMAND_TAIL_PLACES_H
#define HARK_COMMAND_TAIL_PLACES_H

#include "tail/state.h"

/* Writes the places beside the log, after the batch of record `id`. */
void tail_places_keep(struct tail_follower *follower, uint64_t id);

/* Appends a record of the places, once no batch is under way. */
void tail_places_record(struct tail_follower *follower);

#endif
