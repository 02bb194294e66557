/* places.h - where the files stand is kept: in the log, and beside the log. */
#ifndef TAIL_PLACES_H
#define TAIL_PLACES_H

#include "tail/state.h"

/* Writes the places beside the log, after the batch of record `id`. */
void tail_places_keep(struct tail_follower *follower, uint64_t id);

/* Appends a record of the places, once no batch is under way. */
void tail_places_record(struct tail_follower *follower);

#endif
