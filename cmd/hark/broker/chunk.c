/* chunk.c - a read of the disk without a reader: its buffer is its own. Only some are read at a
 * time, the others wait for their turn without one: an event may wake ten thousand that want to
 * read it.
 *
 * Thread: the broker's. */
#include "broker/chunk.h"

#include "broker/buffers.h"
#include "broker/source.h"
#include "broker/state.h"
#include "broker/stream.h"

#include <errno.h>
#include <stdlib.h>

enum { READS_MAX = 64 };

static struct broker_chunk *chunk_of(struct broker_disk_read *read)
{
    return hark_container_of(read, struct broker_chunk, disk);
}

static void read_on(struct broker_chunk *chunk)
{
    struct broker *broker = chunk->mark.stream->broker;
    chunk->disk.reading = true;
    broker->statistics.disk_reads++;
    broker->source->calls->read(&chunk->disk);
}

/* Gives: false: there is no memory for its buffer. */
static bool begin(struct broker_chunk *chunk)
{
    struct broker *broker = chunk->mark.stream->broker;
    chunk->disk.buffer = malloc(BROKER_BUFFER_BYTES);
    if (!chunk->disk.buffer)
        return false;
    chunk->disk.capacity = BROKER_BUFFER_BYTES;
    broker->chunks_reading++;
    read_on(chunk);
    return true;
}

/* The next of those that wait begins. One for which there is no memory is told so. */
static void begin_next(struct broker *broker)
{
    while (!list_empty(&broker->chunks_waiting) && broker->chunks_reading < READS_MAX) {
        struct broker_chunk *chunk =
            hark_container_of(broker->chunks_waiting.next, struct broker_chunk, place);
        list_remove(&chunk->place);
        if (!begin(chunk))
            chunk->done(chunk, -ENOMEM);
    }
}

static void finish(struct broker_chunk *chunk, int64_t result)
{
    struct broker *broker = chunk->mark.stream->broker;
    free(chunk->disk.buffer);
    chunk->disk.buffer = NULL;
    chunk->last = chunk->mark.position;
    chunk->gap = chunk->disk.cursor.gap.first != 0;
    broker->chunks_reading--;
    begin_next(broker);
    chunk->done(chunk, result);
}

/* The next event is longer than the buffer. */
static void enlarge(struct broker_chunk *chunk)
{
    char *larger = realloc(chunk->disk.buffer, chunk->disk.needed);
    if (!larger) {
        finish(chunk, -ENOMEM);
        return;
    }
    chunk->disk.buffer = larger;
    chunk->disk.capacity = chunk->disk.needed;
    chunk->disk.needed = 0;
    /* From where it stood: what is missing before the event is told once more. */
    log_cursor_place(&chunk->disk.cursor, chunk->mark.generation, chunk->mark.position);
    read_on(chunk);
}

static void read_ended(struct broker_disk_read *read, enum broker_disk_outcome outcome, char *bytes,
                       size_t count)
{
    struct broker_chunk *chunk = chunk_of(read);
    switch (outcome) {
    case DISK_BLOCK:
        chunk->bytes = bytes;
        finish(chunk, (int64_t)count);
        break;
    case DISK_AGAIN:
        if (read->needed > read->capacity)
            enlarge(chunk);
        else
            finish(chunk, 0);
        break;
    case DISK_GONE:
        finish(chunk, -ENOENT);
        break;
    case DISK_FAILED:
        finish(chunk, -EIO);
        break;
    }
}

int broker_chunk_read(struct broker_chunk *chunk, struct broker_stream *stream,
                      const struct broker_part *part, broker_chunk_done *done)
{
    struct broker *broker = stream->broker;
    *chunk = (struct broker_chunk){
        .mark = {.stream = stream,
                 .encoding = part->encoding,
                 .generation = part->generation,
                 .position = part->after,
                 .limit = part->limit,
                 .one = part->one},
        .disk = {.apart = true},
        .done = done,
    };
    chunk->disk.mark = &chunk->mark;
    chunk->disk.done = read_ended;
    log_cursor_place(&chunk->disk.cursor, part->generation, part->after);
    list_init(&chunk->place);
    if (broker->chunks_reading < READS_MAX)
        return begin(chunk) ? 0 : -ENOMEM;
    list_append(&broker->chunks_waiting, &chunk->place);
    return 0;
}
