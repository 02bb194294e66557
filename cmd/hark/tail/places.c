/* places.c - a slot of the file beside the log is written after each batch; a record without lines
 * is appended as soon as it is known where the files stand. position.h says what both are for. */
#include "tail/places.h"

#include <string.h>

#include "tail/source.h"

/* --- beside the log --- */

static void slot_written(struct hark_op *op, int64_t count)
{
    struct tail_follower *follower = hark_container_of(op, struct tail_follower, slot_op);
    struct tail *tail = follower->tail;
    follower->slot_writing = false;
    (void)count; /* a full disk, say: the record in the log is what counts */
    if (follower->slot_wanted)
        tail_places_keep(follower, follower->slot_id);
    pending_end(&tail->pending);
}

void tail_places_keep(struct tail_follower *follower, uint64_t id)
{
    struct position position;
    follower->slot_id = id;
    follower->slot_wanted = follower->slot_writing;
    if (follower->slot_fd < 0 || follower->slot_writing)
        return;
    tail_source_positions(follower, &position);
    position_slot_write(id, &position, follower->slot);
    follower->slot_writing = true;
    follower->slot_next = (follower->slot_next + 1) % POSITION_SLOTS;
    pending_begin(&follower->tail->pending);
    hark_write(follower->tail->loop, &follower->slot_op, follower->slot_fd, follower->slot,
               sizeof follower->slot, (int64_t)follower->slot_next * POSITION_SLOT_BYTES,
               slot_written);
}

/* --- in the log --- */

static void places_appended(struct log_append *append, int64_t result)
{
    struct tail_follower *follower = hark_container_of(append, struct tail_follower, placing);
    struct tail *tail = follower->tail;
    follower->placing_active = false;
    if (result > 0 && !follower->slot_id)
        tail_places_keep(follower, (uint64_t)result);
    if (result > 0 && follower->place_wanted)
        tail_places_record(follower);
    pending_end(&tail->pending);
}

/* Between a batch and its answers a record of the places would tell of what is under way as if it
 * was not: the next batch brings the places along, or its end does. */
void tail_places_record(struct tail_follower *follower)
{
    struct position position;
    follower->place_wanted = true;
    if (follower->placing_active || follower->tail->closing ||
        (follower->batch && follower->batch->count > 0))
        return;
    follower->place_wanted = false;
    follower->placing_active = true;
    tail_source_positions(follower, &position);
    follower->placing = (struct log_append){
        .name = follower->private_name,
        .name_length = (uint32_t)strlen(follower->private_name),
        .bytes = follower->placing_text,
        .length = (uint32_t)position_write(&position, follower->placing_text),
        .done = places_appended,
    };
    pending_begin(&follower->tail->pending);
    log_append(follower->tail->log, &follower->placing);
}
