/* reader.c - one reader of a stream: where it stands, and what it sends next.
 *
 * A subscriber is always in one of these: its block is on its way (sending); the log reads for it
 * (reading); it waits in a list (for events, for its turn, for a buffer); or its connection takes
 * nothing more (broken). `position` tells what it has been given; everything else is found from
 * that. Reading from the disk is left to reader_disk.c, taking turns to turns.c.
 */
#include "broker/state.h"

#include <stdlib.h>

/* --- sending --- */

static void block_released(struct hark_stream *output, struct hark_stream_block *block, int error)
{
    struct broker_reader *reader = hark_container_of(block, struct broker_reader, block);
    (void)output;
    reader->sending = false;
    free(reader->own);
    reader->own = NULL;
    if (error < 0)
        reader->broken = true;
    if (!broker_reader_finish(reader))
        broker_reader_pump(reader);
}

void broker_reader_send(struct broker_reader *reader, const char *bytes, size_t count)
{
    reader->block =
        (struct hark_stream_block){.bytes = bytes, .count = count, .released = block_released};
    reader->sending = true;
    reader->told = true;
    if (hark_stream_write_block(reader->output, &reader->block) >= 0) {
        reader->broker->statistics.delivered_bytes += count;
        return;
    }
    reader->sending = false;
    free(reader->own);
    reader->own = NULL;
    broker_reader_break(reader);
}

void broker_reader_break(struct broker_reader *reader)
{
    reader->broken = true;
    hark_stream_close(reader->output);
}

static void send_gap(struct broker_reader *reader, uint64_t first)
{
    size_t count = broker_encode_gap(reader->encoding, reader->gap, reader->gap_after, first);
    reader->gap_waits = false;
    reader->broker->statistics.gaps++;
    broker_reader_send(reader, reader->gap, count);
}

/* Sends what the ring holds after the position: all of it that lies in one chunk. */
static void send_range(struct broker_reader *reader, const struct recent_range *range)
{
    if (reader->chunk != range->chunk) {
        recent_chunk_hold(range->chunk);
        recent_chunk_release(reader->chunk);
        reader->chunk = range->chunk;
    }
    reader->position = range->last_id;
    reader->broker->statistics.delivered += range->events;
    broker_reader_send(reader, range->bytes, range->count);
}

/* --- where it stands --- */

static void wait_for_events(struct broker_reader *reader)
{
    list_remove(&reader->place);
    list_append(&reader->stream->waiting, &reader->place);
}

void broker_reader_ready(struct broker_reader *reader)
{
    list_remove(&reader->place);
    list_append(&reader->broker->ready, &reader->place);
    broker_turns(reader->broker);
}

/* The first look at a generation of the stream. Ids of earlier generations are below it;
 * one that is above all that it has given is foreign (the data directory was replaced):
 * everything is then new to this reader, after a gap. */
static void enter_generation(struct broker_reader *reader, uint64_t newest)
{
    reader->generation = reader->stream->generation;
    if (reader->position <= newest)
        return;
    reader->gap_after = reader->position;
    reader->gap_waits = true;
    reader->position = LOG_START;
}

void broker_reader_pump(struct broker_reader *reader)
{
    struct broker_stream *stream = reader->stream;
    struct recent *recent = &stream->recents[reader->encoding];
    struct recent_range range;
    if (reader->closing || reader->sending || reader->reading || reader->broken)
        return;
    if (stream->generation == 0) {
        wait_for_events(reader);
        return;
    }
    if (reader->generation != stream->generation)
        enter_generation(reader, recent->top);
    if (reader->position == LOG_START && recent->floor == stream->generation)
        reader->position = stream->generation; /* the ring holds all that this generation has had */
    if (reader->position < recent->floor) {
        broker_disk(reader);
        return;
    }
    if (!recent_find(recent, reader->position, reader->chunk, &range))
        wait_for_events(reader);
    else if (reader->gap_waits)
        send_gap(reader, range.first_id);
    else
        send_range(reader, &range);
}

/* --- its beginning and end --- */

void broker_reader_open(struct broker_stream *stream, struct broker_reader *reader,
                        struct hark_stream *output, enum broker_encoding encoding,
                        enum broker_from from, uint64_t after, broker_reader_closed *closed)
{
    *reader = (struct broker_reader){
        .broker = stream->broker,
        .stream = stream,
        .output = output,
        .closed = closed,
        .encoding = encoding,
        .told = true,
    };
    list_init(&reader->place);
    list_append(&stream->broker->all[encoding], &reader->among_all);
    stream->handles++;
    broker_stream_refresh(stream);
    broker_stream_join(stream, encoding);
    if (from == BROKER_FROM_AFTER)
        reader->position = after;
    else if (from == BROKER_FROM_NOW && stream->generation != 0)
        reader->position = stream->recents[encoding].top;
    broker_reader_ready(reader);
    broker_heartbeat(stream->broker);
}

uint64_t broker_reader_position(const struct broker_reader *reader)
{
    return reader->position;
}

bool broker_reader_finish(struct broker_reader *reader)
{
    if (!reader->closing || reader->sending || reader->reading)
        return false;
    struct broker_stream *stream = reader->stream;
    recent_chunk_release(reader->chunk);
    reader->chunk = NULL;
    reader->closed(reader);
    broker_stream_close(stream);
    return true;
}

void broker_reader_close(struct broker_reader *reader)
{
    struct broker *broker = reader->broker;
    if (reader->closing)
        return;
    reader->closing = true;
    list_remove(&reader->place);
    list_remove(&reader->among_all);
    broker_stream_leave(reader->stream, reader->encoding);
    broker_heartbeat(broker);
    if (reader->reading && !broker->owner) /* else the owner has the cursor */
        log_cursor_cancel(&reader->cursor);
    broker_buffers_offer(broker); /* one may have been kept for it */
    broker_reader_finish(reader);
}
