/* subscriber.c - one reader of a stream: where it stands, and what it sends next.
 *
 * A subscriber is always in one of these: its block is on its way (sending); the log reads for it
 * (reading); it waits in a list (for events, for its turn, for a buffer); or its connection takes
 * nothing more (broken). `position` tells what it has been given; everything else is found from
 * that. Reading from the disk is left to catch_up.c, taking turns to fan_out.c.
 */
#include "hub/state.h"

#include <stdlib.h>

/* --- sending --- */

static void block_released(struct hark_stream *output, struct hark_stream_block *block, int error)
{
    struct hub_subscriber *subscriber = hark_container_of(block, struct hub_subscriber, block);
    (void)output;
    subscriber->sending = false;
    free(subscriber->own);
    subscriber->own = NULL;
    if (error < 0)
        subscriber->broken = true;
    if (!hub_subscriber_finish(subscriber))
        hub_subscriber_pump(subscriber);
}

void hub_subscriber_send(struct hub_subscriber *subscriber, const char *bytes, size_t count)
{
    subscriber->block =
        (struct hark_stream_block){.bytes = bytes, .count = count, .released = block_released};
    subscriber->sending = true;
    subscriber->told = true;
    if (hark_stream_write_block(subscriber->output, &subscriber->block) >= 0) {
        subscriber->hub->statistics.delivered_bytes += count;
        return;
    }
    subscriber->sending = false;
    free(subscriber->own);
    subscriber->own = NULL;
    hub_subscriber_break(subscriber);
}

void hub_subscriber_break(struct hub_subscriber *subscriber)
{
    subscriber->broken = true;
    hark_stream_close(subscriber->output);
}

static void send_gap(struct hub_subscriber *subscriber, uint64_t first)
{
    size_t count =
        hub_encode_gap(subscriber->encoding, subscriber->gap, subscriber->gap_after, first);
    subscriber->gap_waits = false;
    subscriber->hub->statistics.gaps++;
    hub_subscriber_send(subscriber, subscriber->gap, count);
}

/* Sends what the ring holds after the position: all of it that lies in one chunk. */
static void send_range(struct hub_subscriber *subscriber, const struct hub_range *range)
{
    if (subscriber->chunk != range->chunk) {
        hub_chunk_hold(range->chunk);
        hub_chunk_release(subscriber->chunk);
        subscriber->chunk = range->chunk;
    }
    subscriber->position = range->last_id;
    subscriber->hub->statistics.delivered += range->events;
    hub_subscriber_send(subscriber, range->bytes, range->count);
}

/* --- where it stands --- */

static void wait_for_events(struct hub_subscriber *subscriber)
{
    list_remove(&subscriber->place);
    list_append(&subscriber->stream->waiting, &subscriber->place);
}

void hub_subscriber_ready(struct hub_subscriber *subscriber)
{
    list_remove(&subscriber->place);
    list_append(&subscriber->hub->ready, &subscriber->place);
    hub_fan_out(subscriber->hub);
}

/* The first look at a life of the stream. Ids of earlier lives are below its number; one that is
 * above all that it has given is foreign (the data directory was replaced): everything is then new
 * to this reader, after a gap. */
static void enter_life(struct hub_subscriber *subscriber, uint64_t newest)
{
    subscriber->life = subscriber->stream->life;
    if (subscriber->position <= newest)
        return;
    subscriber->gap_after = subscriber->position;
    subscriber->gap_waits = true;
    subscriber->position = LOG_START;
}

void hub_subscriber_pump(struct hub_subscriber *subscriber)
{
    struct hub_stream *stream = subscriber->stream;
    struct hub_ring *ring = &stream->rings[subscriber->encoding];
    struct hub_range range;
    if (subscriber->closing || subscriber->sending || subscriber->reading || subscriber->broken)
        return;
    if (stream->life == 0) {
        wait_for_events(subscriber);
        return;
    }
    if (subscriber->life != stream->life)
        enter_life(subscriber, ring->top);
    if (subscriber->position == LOG_START && ring->floor == stream->life)
        subscriber->position = stream->life; /* the ring holds all that this life has had */
    if (subscriber->position < ring->floor) {
        hub_catch_up(subscriber);
        return;
    }
    if (!hub_ring_find(ring, subscriber->position, subscriber->chunk, &range))
        wait_for_events(subscriber);
    else if (subscriber->gap_waits)
        send_gap(subscriber, range.first_id);
    else
        send_range(subscriber, &range);
}

/* --- its beginning and end --- */

void hub_subscriber_open(struct hub_stream *stream, struct hub_subscriber *subscriber,
                         struct hark_stream *output, enum hub_encoding encoding, enum hub_from from,
                         uint64_t after, hub_subscriber_closed *closed)
{
    *subscriber = (struct hub_subscriber){
        .hub = stream->hub,
        .stream = stream,
        .output = output,
        .closed = closed,
        .encoding = encoding,
        .told = true,
    };
    list_init(&subscriber->place);
    list_append(&stream->hub->all[encoding], &subscriber->among_all);
    stream->handles++;
    hub_stream_refresh(stream);
    hub_stream_join(stream, encoding);
    if (from == HUB_FROM_AFTER)
        subscriber->position = after;
    else if (from == HUB_FROM_NOW && stream->life != 0)
        subscriber->position = stream->rings[encoding].top;
    hub_subscriber_ready(subscriber);
    hub_heartbeat(stream->hub);
}

uint64_t hub_subscriber_position(const struct hub_subscriber *subscriber)
{
    return subscriber->position;
}

bool hub_subscriber_finish(struct hub_subscriber *subscriber)
{
    if (!subscriber->closing || subscriber->sending || subscriber->reading)
        return false;
    struct hub_stream *stream = subscriber->stream;
    hub_chunk_release(subscriber->chunk);
    subscriber->chunk = NULL;
    subscriber->closed(subscriber);
    hub_stream_close(stream);
    return true;
}

void hub_subscriber_close(struct hub_subscriber *subscriber)
{
    struct hub *hub = subscriber->hub;
    if (subscriber->closing)
        return;
    subscriber->closing = true;
    list_remove(&subscriber->place);
    list_remove(&subscriber->among_all);
    hub_stream_leave(subscriber->stream, subscriber->encoding);
    hub_heartbeat(hub);
    if (subscriber->reading && !hub->home) /* else the home has the cursor */
        log_cursor_cancel(&subscriber->cursor);
    hub_buffers_offer(hub); /* one may have been kept for it */
    hub_subscriber_finish(subscriber);
}
