/* catch_up.c - subscribers that are further back than the ring: they read the log.
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
#include "hub/state.h"

#include <errno.h>
#include <stdlib.h>

static void read_done(struct log_cursor *cursor, int64_t result);

/* --- buffers --- */

static char *buffer_take(struct hub *hub)
{
    if (hub->buffers_free > 0)
        return hub->buffers[--hub->buffers_free];
    if (hub->buffers_made == HUB_BUFFERS)
        return NULL;
    char *buffer = malloc(HUB_BUFFER_BYTES);
    if (buffer)
        hub->buffers_made++;
    return buffer;
}

/* Those that wait for a buffer get their turn, as many as there are buffers. Called whenever one is
 * free and whoever it was offered to may have gone without it. */
void hub_buffers_offer(struct hub *hub)
{
    for (size_t i = 0; i < hub->buffers_free && !list_empty(&hub->wants_buffer); i++)
        hub_subscriber_ready(
            hark_container_of(hub->wants_buffer.next, struct hub_subscriber, place));
    for (size_t i = hub->long_reads; i < HUB_LONG_READS && !list_empty(&hub->wants_long); i++)
        hub_subscriber_ready(hark_container_of(hub->wants_long.next, struct hub_subscriber, place));
}

/* A buffer of the size that one event needs. */
static char *long_buffer_take(struct hub *hub, size_t size)
{
    char *buffer = malloc(size);
    hub->long_reads += buffer ? 1 : 0;
    return buffer;
}

/* Gives the subscriber's buffer back. */
static void buffer_give(struct hub_subscriber *subscriber)
{
    struct hub *hub = subscriber->hub;
    if (subscriber->needed != 0) {
        free(subscriber->buffer);
        hub->long_reads--;
    } else {
        hub->buffers[hub->buffers_free++] = subscriber->buffer;
    }
    subscriber->buffer = NULL;
    subscriber->needed = 0;
    hub_buffers_offer(hub);
}

void hub_catch_up_done(struct hub *hub)
{
    check(hub->buffers_free == hub->buffers_made);
    while (hub->buffers_free > 0)
        free(hub->buffers[--hub->buffers_free]);
}

/* --- reading --- */

/* Whether the stream that the subscriber reads is still the one under the name, as far as is known
 * here. */
static bool life_goes_on(const struct hub_subscriber *subscriber)
{
    if (subscriber->hub->home)
        return subscriber->life == subscriber->stream->life;
    const struct log_stream *log = hub_stream_log(subscriber->stream);
    return log && log->number == subscriber->life;
}

void hub_catch_up(struct hub_subscriber *subscriber)
{
    struct hub *hub = subscriber->hub;
    list_remove(&subscriber->place);
    if (!life_goes_on(subscriber)) {
        list_append(&subscriber->stream->waiting,
                    &subscriber->place); /* the answer that tells of it is on its way */
        return;
    }
    if (subscriber->needed != 0 && hub->long_reads == HUB_LONG_READS) {
        list_append(&hub->wants_long, &subscriber->place);
        return;
    }
    size_t capacity = subscriber->needed != 0 ? subscriber->needed : HUB_BUFFER_BYTES;
    subscriber->buffer =
        subscriber->needed != 0 ? long_buffer_take(hub, capacity) : buffer_take(hub);
    if (!subscriber->buffer && subscriber->needed == 0 && hub->buffers_made > 0) {
        list_append(&hub->wants_buffer, &subscriber->place);
        return;
    }
    if (!subscriber->buffer) {
        subscriber->needed = 0;
        hub_subscriber_break(subscriber);
        return;
    }
    if (subscriber->cursor.stream != subscriber->life ||
        subscriber->cursor.after != subscriber->position)
        log_cursor_place(&subscriber->cursor, subscriber->life, subscriber->position);
    subscriber->floor = subscriber->stream->rings[subscriber->encoding].floor;
    subscriber->reading = true;
    hub->statistics.disk_reads++;
    subscriber->capacity = capacity;
    if (hub->home)
        hub_away_read_begin(subscriber);
    else
        log_read(hub->log, &subscriber->cursor, subscriber->buffer, capacity, read_done);
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
    if (filling->count != 0 && filling->count + size > HUB_OWN_BYTES_MAX)
        return false;
    size_t room = filling->room == 0 ? 4096 : filling->room;
    while (room < filling->count + size)
        room = room < HUB_OWN_BYTES_MAX ? room * 2 : filling->count + size;
    if (room == filling->room)
        return true;
    char *bytes = realloc(filling->bytes, room);
    if (!bytes)
        return false;
    filling->bytes = bytes;
    filling->room = room;
    return true;
}

static bool fill_gap(struct hub_subscriber *subscriber, struct filling *filling, uint64_t after,
                     uint64_t first)
{
    if (!room_for(filling, HUB_GAP_BYTES_MAX))
        return false;
    filling->count +=
        hub_encode_gap(subscriber->encoding, filling->bytes + filling->count, after, first);
    subscriber->gap_waits = false;
    subscriber->hub->statistics.gaps++;
    return true;
}

/* Encodes what was read. Gives: false where not even the first of it had room. */
static bool fill(struct hub_subscriber *subscriber, struct filling *filling)
{
    struct hub *hub = subscriber->hub;
    struct log_cursor *cursor = &subscriber->cursor;
    struct log_event event;
    if (cursor->gap.first != 0) {
        uint64_t after = subscriber->gap_waits ? subscriber->gap_after : cursor->gap.after;
        if (!fill_gap(subscriber, filling, after, cursor->gap.first))
            return false;
    }
    while (log_cursor_next(cursor, &event)) {
        size_t size = hub_encoded_size(subscriber->encoding, event.id, event.bytes, event.length);
        if (subscriber->gap_waits &&
            !fill_gap(subscriber, filling, subscriber->gap_after, event.id))
            return false;
        if (!room_for(filling, size))
            return filling->count !=
                   0; /* the cursor is placed anew, after the last that had room */
        filling->count += hub_encode(subscriber->encoding, filling->bytes + filling->count,
                                     event.id, event.bytes, event.length);
        subscriber->position = event.id;
        hub->statistics.delivered++;
        hub->statistics.encoded++;
    }
    if (subscriber->position < cursor->after)
        subscriber->position = cursor->after; /* past a gap */
    return true;
}

/* The read found nothing: then nothing lies between the position and what the ring held when it
 * began. */
static void pass_to_ring(struct hub_subscriber *subscriber)
{
    if (subscriber->position < subscriber->floor)
        subscriber->position = subscriber->floor;
}

static void take(struct hub_subscriber *subscriber, int64_t events)
{
    struct filling filling = {0};
    bool filled = fill(subscriber, &filling);
    buffer_give(subscriber);
    if (!filled) {
        free(filling.bytes);
        hub_subscriber_break(subscriber);
        return;
    }
    if (events == 0)
        pass_to_ring(subscriber);
    if (filling.count == 0) {
        free(filling.bytes);
        hub_subscriber_ready(subscriber);
        return;
    }
    subscriber->own = filling.bytes;
    hub_subscriber_send(subscriber, filling.bytes, filling.count);
}

static void read_done(struct log_cursor *cursor, int64_t result)
{
    hub_catch_up_read(hark_container_of(cursor, struct hub_subscriber, cursor), result);
}

void hub_catch_up_read(struct hub_subscriber *subscriber, int64_t result)
{
    subscriber->reading = false;
    if (!subscriber->closing && result >= 0) {
        take(subscriber, result);
        return;
    }
    size_t needed = result == -EMSGSIZE ? subscriber->cursor.needed : 0;
    buffer_give(subscriber);
    if (hub_subscriber_finish(subscriber))
        return;
    if (result == -EMSGSIZE) {
        subscriber->needed = needed;
        hub_subscriber_ready(subscriber);
    } else if (result == -ENOENT) {
        hub_subscriber_ready(subscriber); /* deleted under it, which is known here by now */
    } else {
        hub_subscriber_break(subscriber); /* it comes back by its id, when the disk may be better */
    }
}
