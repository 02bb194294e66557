/* reader.c - one reader of a stream: where it stands, and what it sends next; the turns of all of
 * them, and the heartbeat.
 *
 * A reader is always in one of these: its block is on its way (sending); the log reads for it
 * (is_reading); it waits in a list (for events, for its turn, for a buffer); or its connection
 * takes nothing more (broken). The bookmark tells what it has been given; everything else is found
 * from that. Reading from the disk is left to reader_disk.c.
 *
 * A turn of the loop serves a bounded number of readers, and of heartbeats: others than they are
 * served as well.
 *
 * Thread: the broker's.
 */
#include "broker/reader.h"

#include "broker/recent.h"
#include "broker/state.h"
#include "broker/stream.h"
#include "wire/sse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TURN_READERS = 256 };

static bool finish(struct broker_reader *reader);
static void pump(struct broker_reader *reader);

/* --- sending --- */

static void break_off(struct broker_reader *reader)
{
    reader->broken = true;
    hark_stream_close(reader->output);
}

static void block_released(struct hark_stream *output, struct hark_stream_block *block, int error)
{
    struct broker_reader *reader = hark_container_of(block, struct broker_reader, block);
    (void)output;
    reader->sending = false;
    free(reader->own);
    reader->own = NULL;
    if (error < 0)
        reader->broken = true;
    if (!finish(reader))
        pump(reader);
}

/* Sends bytes that stay until the block is released. */
static void send_bytes(struct broker_reader *reader, const char *bytes, size_t count)
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
    break_off(reader);
}

static void send_gap(struct broker_reader *reader, uint64_t first)
{
    struct broker_bookmark *mark = &reader->mark;
    reader->own = malloc(BROKER_GAP_BYTES_MAX);
    if (!reader->own) {
        break_off(reader);
        return;
    }
    size_t count = broker_encode_gap(mark->encoding, reader->own, mark->gap_after, first);
    mark->gap_waits = false;
    reader->broker->statistics.gaps++;
    send_bytes(reader, reader->own, count);
}

/* Sends the recent events after the position: all that lie in one chunk. */
static void send_range(struct broker_reader *reader, const struct recent_range *range)
{
    if (reader->chunk != range->chunk) {
        recent_chunk_hold(range->chunk);
        recent_chunk_release(reader->chunk);
        reader->chunk = range->chunk;
    }
    reader->mark.position = range->last_id;
    reader->broker->statistics.delivered += range->events;
    send_bytes(reader, range->bytes, range->count);
}

/* --- where it stands --- */

static void wait_for_events(struct broker_reader *reader)
{
    list_remove(&reader->place);
    list_append(&reader->mark.stream->waiting, &reader->place);
}

static void wait_for_turn(struct broker_reader *reader)
{
    broker_turns_add(&reader->broker->turns, &reader->place);
}

static void disk_done(struct broker_disk_read *read, enum broker_disk_outcome outcome, char *bytes,
                      size_t count)
{
    struct broker_reader *reader = hark_container_of(read, struct broker_reader_disk, read)->reader;
    if (finish(reader))
        return;
    switch (outcome) {
    case DISK_BLOCK:
        reader->own = bytes;
        send_bytes(reader, bytes, count);
        break;
    case DISK_AGAIN:
        wait_for_turn(reader);
        break;
    case DISK_GONE:
        if (reader->mark.generation != reader->mark.stream->generation)
            wait_for_turn(reader);
        else
            wait_for_events(reader); /* what tells of the deletion is on its way */
        break;
    case DISK_FAILED:
        break_off(reader);
        break;
    }
}

static void read_disk(struct broker_reader *reader)
{
    list_remove(&reader->place);
    if (!reader->disk && (reader->disk = malloc(sizeof *reader->disk)))
        *reader->disk = (struct broker_reader_disk){.reader = reader};
    if (!reader->disk ||
        broker_disk_begin(&reader->disk->read, &reader->mark, &reader->place, disk_done) < 0)
        break_off(reader);
}

static bool is_reading(const struct broker_reader *reader)
{
    return reader->disk && reader->disk->read.reading;
}

static void leave_disk(struct broker_reader *reader)
{
    free(reader->disk);
    reader->disk = NULL;
}

/* The first look at a generation of the stream. Ids of earlier ones are below it; an id that is
 * above all that it has given is foreign (the data directory was replaced): everything is then new
 * to this reader, after a gap. */
static void enter_generation(struct broker_bookmark *mark, uint64_t newest)
{
    mark->generation = mark->stream->generation;
    if (mark->position <= newest)
        return;
    mark->gap_after = mark->position;
    mark->gap_waits = true;
    mark->position = LOG_START;
}

/* Sends what there is, or reads, or waits. */
static void pump(struct broker_reader *reader)
{
    struct broker_bookmark *mark = &reader->mark;
    struct broker_stream *stream = mark->stream;
    struct recent *recent = &stream->recents[mark->encoding];
    struct recent_range range;
    if (reader->closing || reader->sending || is_reading(reader) || reader->broken)
        return;
    if (stream->generation == 0) {
        wait_for_events(reader);
        return;
    }
    if (mark->generation != stream->generation)
        enter_generation(mark, recent->top);
    if (mark->position == LOG_START && recent->floor == stream->generation)
        mark->position = stream->generation; /* all that it has had is among the recent events */
    if (mark->position < recent->floor) {
        read_disk(reader);
        return;
    }
    leave_disk(reader);
    if (!recent_find(recent, mark->position, reader->chunk, &range))
        wait_for_events(reader);
    else if (mark->gap_waits)
        send_gap(reader, range.first_id);
    else
        send_range(reader, &range);
}

/* --- turns --- */

static void pump_first(struct broker *broker)
{
    struct broker_reader *reader =
        hark_container_of(broker->turns.ready.next, struct broker_reader, place);
    list_remove(&reader->place);
    pump(reader);
}

void broker_readers_flush(struct broker *broker)
{
    while (!list_empty(&broker->turns.ready))
        pump_first(broker);
}

/* Sends a comment to the next of those that have waited for the whole period. */
static void beat_first(struct broker *broker)
{
    struct broker_reader *reader =
        hark_container_of(broker->beating.next, struct broker_reader, among_all);
    list_remove(&reader->among_all);
    list_append(&broker->readers[BROKER_SSE], &reader->among_all);
    bool told = reader->told;
    reader->told = false;
    if (told || reader->sending || is_reading(reader) || reader->broken)
        return;
    list_remove(&reader->place);
    broker->statistics.heartbeats++;
    send_bytes(reader, SSE_HEARTBEAT, strlen(SSE_HEARTBEAT));
    reader->told = false; /* else every second one would be left out */
}

void broker_readers_give_turns(struct broker_turns *turns)
{
    struct broker *broker = hark_container_of(turns, struct broker, turns);
    for (int i = 0; i < TURN_READERS && !list_empty(&turns->ready); i++)
        pump_first(broker);
    for (int i = 0; i < TURN_READERS && !list_empty(&broker->beating); i++)
        beat_first(broker);
    broker_buffers_offer(&broker->buffers);
    if (!list_empty(&turns->ready) || !list_empty(&broker->beating))
        broker_turns_soon(turns);
    broker_readers_heartbeat(broker); /* for want of memory it may not have begun */
}

/* --- the heartbeat --- */

static void beat(struct hark_op *op, int64_t result)
{
    struct broker *broker = hark_container_of(op, struct broker, heartbeat);
    if (!hark_op_more(op)) {
        if (result == -ECANCELED) /* somebody may have come since; all else is tried later */
            broker_readers_heartbeat(broker);
        pending_end(&broker->pending);
        return;
    }
    list_move(&broker->beating, &broker->readers[BROKER_SSE]);
    broker_turns_soon(&broker->turns);
}

void broker_readers_heartbeat(struct broker *broker)
{
    bool anybody = !list_empty(&broker->readers[BROKER_SSE]) || !list_empty(&broker->beating);
    if (!anybody || broker->closing) {
        hark_cancel(&broker->heartbeat);
    } else if (!hark_op_active(&broker->heartbeat)) {
        pending_begin(&broker->pending);
        hark_every(broker->loop, &broker->heartbeat, broker->options.heartbeat_ns, beat);
    }
}

void broker_readers_init(struct broker *broker)
{
    for (int i = 0; i < BROKER_ENCODINGS; i++)
        list_init(&broker->readers[i]);
    list_init(&broker->beating);
}

/* --- its beginning and end --- */

int broker_follow(struct broker_stream *stream, struct broker_follow *follow, broker_followed *done)
{
    follow->done = done;
    return stream->broker->source->calls->follow(stream, follow);
}

void broker_reader_open(struct broker_stream *stream, struct broker_reader *reader,
                        struct hark_stream *output, enum broker_encoding encoding,
                        enum broker_from from, uint64_t after, broker_reader_closed *closed)
{
    struct broker *broker = stream->broker;
    *reader = (struct broker_reader){
        .broker = broker,
        .mark = {.stream = broker_stream_hold(stream), .encoding = encoding},
        .output = output,
        .closed = closed,
        .told = true,
    };
    list_init(&reader->place);
    list_append(&broker->readers[encoding], &reader->among_all);
    broker->source->calls->look(stream);
    broker_stream_join(stream, encoding);
    if (from == BROKER_FROM_AFTER)
        reader->mark.position = after;
    else if (from == BROKER_FROM_NOW && stream->generation != 0)
        reader->mark.position = stream->recents[encoding].top;
    wait_for_turn(reader);
    broker_readers_heartbeat(broker);
}

uint64_t broker_reader_position(const struct broker_reader *reader)
{
    return reader->mark.position;
}

/* Calls `closed` if it is closing and nothing of it is in use. Gives: true: it is gone. */
static bool finish(struct broker_reader *reader)
{
    if (!reader->closing || reader->sending || is_reading(reader))
        return false;
    leave_disk(reader);
    struct broker_stream *stream = reader->mark.stream;
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
    broker_stream_leave(reader->mark.stream, reader->mark.encoding);
    broker_readers_heartbeat(broker);
    if (reader->disk)
        broker_disk_abandon(&reader->disk->read);
    broker_buffers_offer(&broker->buffers); /* one may have been kept for it */
    finish(reader);
}
