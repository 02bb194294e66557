/* reader_disk.c - readers that are further back than the recent events: they read the log.
 *
 * A read has a buffer only while it is in flight: what it got is encoded at once, into a block of
 * the reader's own.
 *
 * What must hold: the position only moves past events that were encoded, or past ids that the log
 * has said hold nothing.
 *
 * Thread: the broker's.
 */
#include "broker/reader_disk.h"

#include "broker/state.h"
#include "broker/stream.h"

#include <errno.h>
#include <stdlib.h>

enum {
    BLOCK_FIRST = 4096,
    BLOCK_BYTES_MAX = 256 * 1024, /* unless one event is longer */
};

static struct broker *broker_of(const struct broker_disk_read *read)
{
    return read->mark->stream->broker;
}

int broker_disk_begin(struct broker_disk_read *read, struct broker_bookmark *mark,
                      struct list *place, broker_disk_done *done)
{
    struct broker *broker = mark->stream->broker;
    int taken = broker_buffers_take(&broker->buffers, read->needed, place, &read->buffer);
    if (taken <= 0) {
        if (taken < 0)
            read->needed = 0;
        return taken;
    }
    read->mark = mark;
    read->done = done;
    read->capacity = read->needed != 0 ? read->needed : BROKER_BUFFER_BYTES;
    read->floor = mark->stream->recents[mark->encoding].floor;
    if (read->cursor.stream != mark->generation || read->cursor.after != mark->position)
        log_cursor_place(&read->cursor, mark->generation, mark->position);
    read->reading = true;
    broker->statistics.disk_reads++;
    broker->source->calls->read(read);
    return 1;
}

void broker_disk_abandon(struct broker_disk_read *read)
{
    if (!read->reading)
        return;
    read->abandoned = true;
    broker_of(read)->source->calls->read_cancel(read);
}

/* --- encoding --- */

/* The block that a reader is given: grows while it is filled. */
struct filling {
    char *bytes;
    size_t count;
    size_t room;
};

/* Makes room for size more. Gives: false if memory is lacking, or the block would be longer than it
 * may: then it is sent as it is. */
static bool room_for(struct filling *filling, size_t size)
{
    if (filling->count != 0 && filling->count + size > BLOCK_BYTES_MAX)
        return false;
    size_t room = filling->room == 0 ? BLOCK_FIRST : filling->room;
    while (room < filling->count + size)
        room = room < BLOCK_BYTES_MAX ? room * 2 : filling->count + size;
    if (room == filling->room)
        return true;
    char *bytes = realloc(filling->bytes, room);
    if (!bytes)
        return false;
    filling->bytes = bytes;
    filling->room = room;
    return true;
}

static bool fill_gap(struct broker_disk_read *read, struct filling *filling, uint64_t after,
                     uint64_t first)
{
    struct broker_bookmark *mark = read->mark;
    if (!room_for(filling, BROKER_GAP_BYTES_MAX))
        return false;
    filling->count +=
        broker_encode_gap(mark->encoding, filling->bytes + filling->count, after, first);
    mark->gap_waits = false;
    broker_of(read)->statistics.gaps++;
    return true;
}

/* Encodes what was read. Gives: false if not even the first of it had room. */
static bool fill(struct broker_disk_read *read, struct filling *filling)
{
    struct broker_statistics *statistics = &broker_of(read)->statistics;
    struct broker_bookmark *mark = read->mark;
    struct log_cursor *cursor = &read->cursor;
    struct log_event event;
    if (cursor->gap.first != 0) {
        uint64_t after = mark->gap_waits ? mark->gap_after : cursor->gap.after;
        if (!fill_gap(read, filling, after, cursor->gap.first))
            return false;
    }
    while (log_cursor_next(cursor, &event)) {
        if (mark->limit != 0 && event.id > mark->limit)
            return true;
        size_t size = broker_encoded_size(mark->encoding, event.id, event.bytes, event.length);
        if (mark->gap_waits && !fill_gap(read, filling, mark->gap_after, event.id))
            return false;
        if (!room_for(filling, size))
            return filling->count !=
                   0; /* the cursor is placed anew, after the last that had room */
        filling->count += broker_encode(mark->encoding, filling->bytes + filling->count, event.id,
                                        event.bytes, event.length);
        mark->position = event.id;
        statistics->delivered++;
        statistics->encoded++;
        if (mark->one)
            return true;
    }
    if (mark->position < cursor->after)
        mark->position = cursor->after; /* past a gap */
    return true;
}

/* The read found nothing: then nothing lies between the position and what the recent events held
 * when it began. */
static void pass_to_recent(struct broker_disk_read *read)
{
    if (read->mark->position < read->floor)
        read->mark->position = read->floor;
}

/* --- the end of a read --- */

/* Encodes what a read gave. Gives: the outcome; the block is *filling. */
static enum broker_disk_outcome take(struct broker_disk_read *read, int64_t events,
                                     struct filling *filling)
{
    bool filled = fill(read, filling);
    if (filled && events == 0)
        pass_to_recent(read);
    if (filled && filling->count != 0)
        return DISK_BLOCK;
    free(filling->bytes);
    *filling = (struct filling){0};
    return filled ? DISK_AGAIN : DISK_FAILED;
}

void broker_disk_ended(struct broker_disk_read *read, int64_t result)
{
    struct filling filling = {0};
    enum broker_disk_outcome outcome = DISK_FAILED;
    size_t needed = 0;
    read->reading = false;
    if (read->abandoned) {
        outcome = DISK_AGAIN;
    } else if (result >= 0) {
        outcome = take(read, result, &filling);
    } else if (result == -EMSGSIZE) {
        outcome = DISK_AGAIN;
        needed = read->cursor.needed;
    } else if (result == -ENOENT) {
        outcome = DISK_GONE;
    }
    if (!read->apart) {
        broker_buffers_give(&broker_of(read)->buffers, read->needed, read->buffer);
        read->buffer = NULL;
    }
    read->needed = needed;
    read->done(read, outcome, filling.bytes, filling.count);
}
