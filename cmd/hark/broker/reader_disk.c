/* reader_disk.c - subscribers that are further back than the ring: they read the log.
 *
 * Few buffers serve all: a subscriber holds one only while its read is in flight, and encodes what
 * it got into a block of its own at once. So a thousand that come back together after a restart
 * take turns, and one that stops reading holds none. An event that is longer has a buffer of its
 * own; few of those are read at once as well.
 *
 * What must hold: position only moves past events that were encoded, or past ids that the log has
 * said hold nothing.
 */
#include "base/check.h"
#include "broker/state.h"

#include <errno.h>
#include <stdlib.h>

static void read_done(struct log_cursor *cursor, int64_t result);

/* --- buffers --- */

static char *buffer_take(struct broker *broker)
{
    if (broker->buffers_free > 0)
        return broker->buffers[--broker->buffers_free];
    if (broker->buffers_made == BROKER_BUFFERS)
        return NULL;
    char *buffer = malloc(BROKER_BUFFER_BYTES);
    if (buffer)
        broker->buffers_made++;
    return buffer;
}

/* Those that wait for a buffer get their turn, as many as there are buffers. Called whenever one is
 * free and whoever it was offered to may have gone without it. */
void broker_buffers_offer(struct broker *broker)
{
    for (size_t i = 0; i < broker->buffers_free && !list_empty(&broker->wants_buffer); i++)
        broker_reader_ready(
            hark_container_of(broker->wants_buffer.next, struct broker_reader, place));
    for (size_t i = broker->long_reads; i < BROKER_LONG_READS && !list_empty(&broker->wants_long);
         i++)
        broker_reader_ready(
            hark_container_of(broker->wants_long.next, struct broker_reader, place));
}

/* A buffer of the size that one event needs. */
static char *long_buffer_take(struct broker *broker, size_t size)
{
    char *buffer = malloc(size);
    broker->long_reads += buffer ? 1 : 0;
    return buffer;
}

/* Gives the subscriber's buffer back. */
static void buffer_give(struct broker_reader *reader)
{
    struct broker *broker = reader->broker;
    if (reader->needed != 0) {
        free(reader->buffer);
        broker->long_reads--;
    } else {
        broker->buffers[broker->buffers_free++] = reader->buffer;
    }
    reader->buffer = NULL;
    reader->needed = 0;
    broker_buffers_offer(broker);
}

void broker_disk_done(struct broker *broker)
{
    check(broker->buffers_free == broker->buffers_made);
    while (broker->buffers_free > 0)
        free(broker->buffers[--broker->buffers_free]);
}

/* --- reading --- */

/* Whether the stream that the subscriber reads is still the one under the name, as far as is known
 * here. */
static bool generation_stands(const struct broker_reader *reader)
{
    if (reader->broker->owner)
        return reader->generation == reader->stream->generation;
    const struct log_stream *log = broker_stream_log(reader->stream);
    return log && log->generation == reader->generation;
}

void broker_disk(struct broker_reader *reader)
{
    struct broker *broker = reader->broker;
    list_remove(&reader->place);
    if (!generation_stands(reader)) {
        list_append(&reader->stream->waiting,
                    &reader->place); /* the answer that tells of it is on its way */
        return;
    }
    if (reader->needed != 0 && broker->long_reads == BROKER_LONG_READS) {
        list_append(&broker->wants_long, &reader->place);
        return;
    }
    size_t capacity = reader->needed != 0 ? reader->needed : BROKER_BUFFER_BYTES;
    reader->buffer = reader->needed != 0 ? long_buffer_take(broker, capacity) : buffer_take(broker);
    if (!reader->buffer && reader->needed == 0 && broker->buffers_made > 0) {
        list_append(&broker->wants_buffer, &reader->place);
        return;
    }
    if (!reader->buffer) {
        reader->needed = 0;
        broker_reader_break(reader);
        return;
    }
    if (reader->cursor.stream != reader->generation || reader->cursor.after != reader->position)
        log_cursor_place(&reader->cursor, reader->generation, reader->position);
    reader->floor = reader->stream->recents[reader->encoding].floor;
    reader->reading = true;
    broker->statistics.disk_reads++;
    reader->capacity = capacity;
    if (broker->owner)
        remote_read_begin(reader);
    else
        log_read(broker->log, &reader->cursor, reader->buffer, capacity, read_done);
}

/* --- encoding --- */

/* The block that a subscriber is given: grows while it is filled. */
struct filling {
    char *bytes;
    size_t count;
    size_t room;
};

/* Makes room for size more. Gives: false where memory is lacking, or the block would be longer than
 * it may: then it is sent as it is. */
static bool room_for(struct filling *filling, size_t size)
{
    if (filling->count != 0 && filling->count + size > BROKER_OWN_BYTES_MAX)
        return false;
    size_t room = filling->room == 0 ? 4096 : filling->room;
    while (room < filling->count + size)
        room = room < BROKER_OWN_BYTES_MAX ? room * 2 : filling->count + size;
    if (room == filling->room)
        return true;
    char *bytes = realloc(filling->bytes, room);
    if (!bytes)
        return false;
    filling->bytes = bytes;
    filling->room = room;
    return true;
}

static bool fill_gap(struct broker_reader *reader, struct filling *filling, uint64_t after,
                     uint64_t first)
{
    if (!room_for(filling, BROKER_GAP_BYTES_MAX))
        return false;
    filling->count +=
        broker_encode_gap(reader->encoding, filling->bytes + filling->count, after, first);
    reader->gap_waits = false;
    reader->broker->statistics.gaps++;
    return true;
}

/* Encodes what was read. Gives: false where not even the first of it had room. */
static bool fill(struct broker_reader *reader, struct filling *filling)
{
    struct broker *broker = reader->broker;
    struct log_cursor *cursor = &reader->cursor;
    struct log_event event;
    if (cursor->gap.first != 0) {
        uint64_t after = reader->gap_waits ? reader->gap_after : cursor->gap.after;
        if (!fill_gap(reader, filling, after, cursor->gap.first))
            return false;
    }
    while (log_cursor_next(cursor, &event)) {
        size_t size = broker_encoded_size(reader->encoding, event.id, event.bytes, event.length);
        if (reader->gap_waits && !fill_gap(reader, filling, reader->gap_after, event.id))
            return false;
        if (!room_for(filling, size))
            return filling->count !=
                   0; /* the cursor is placed anew, after the last that had room */
        filling->count += broker_encode(reader->encoding, filling->bytes + filling->count, event.id,
                                        event.bytes, event.length);
        reader->position = event.id;
        broker->statistics.delivered++;
        broker->statistics.encoded++;
    }
    if (reader->position < cursor->after)
        reader->position = cursor->after; /* past a gap */
    return true;
}

/* The read found nothing: then nothing lies between the position and what the ring held when it
 * began. */
static void pass_to_ring(struct broker_reader *reader)
{
    if (reader->position < reader->floor)
        reader->position = reader->floor;
}

static void take(struct broker_reader *reader, int64_t events)
{
    struct filling filling = {0};
    bool filled = fill(reader, &filling);
    buffer_give(reader);
    if (!filled) {
        free(filling.bytes);
        broker_reader_break(reader);
        return;
    }
    if (events == 0)
        pass_to_ring(reader);
    if (filling.count == 0) {
        free(filling.bytes);
        broker_reader_ready(reader);
        return;
    }
    reader->own = filling.bytes;
    broker_reader_send(reader, filling.bytes, filling.count);
}

static void read_done(struct log_cursor *cursor, int64_t result)
{
    broker_disk_read(hark_container_of(cursor, struct broker_reader, cursor), result);
}

void broker_disk_read(struct broker_reader *reader, int64_t result)
{
    reader->reading = false;
    if (!reader->closing && result >= 0) {
        take(reader, result);
        return;
    }
    size_t needed = result == -EMSGSIZE ? reader->cursor.needed : 0;
    buffer_give(reader);
    if (broker_reader_finish(reader))
        return;
    if (result == -EMSGSIZE) {
        reader->needed = needed;
        broker_reader_ready(reader);
    } else if (result == -ENOENT) {
        broker_reader_ready(reader); /* deleted under it, which is known here by now */
    } else {
        broker_reader_break(reader); /* it comes back by its id, when the disk may be better */
    }
}
