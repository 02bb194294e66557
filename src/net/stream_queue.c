/* The write queue of a stream: a list of blocks, each the caller's own or a copy made here.
 *
 * What must hold: bytes leave in the order in which they were appended; a block's memory is not
 * touched once `released` is called; what a send in flight points at stays as it is: a copy block
 * may grow behind what was gathered, never move. A stream that writes small pieces reuses one copy
 * block and allocates nothing.
 *
 * `released` may append and close, not free the stream: the stream is out of reach of its owner
 * until `closed`. */
#include "net/stream_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    COPY_BYTES =
        4096, /* an answer with its head, or a burst of events: most bursts take one block */
    /* A copy between blocks of the caller cannot grow for long: it gets little room beyond its own
     * bytes, else short copies that alternate with short blocks would hold many times the memory
     * that the queue's limit speaks of. */
    COPY_BYTES_BETWEEN = 88,
};

/* A copy block is one allocation, its bytes behind it. `capacity` is 0 in the caller's blocks. */
static char *copy_bytes(struct hark_stream_block *block)
{
    return (char *)(block + 1);
}

static size_t copy_room(const struct hark_stream_block *block)
{
    return block->capacity - block->count; /* for the caller's blocks it is not asked */
}

static struct hark_stream_block *copy_create(size_t capacity)
{
    struct hark_stream_block *block = malloc(sizeof *block + capacity);
    if (!block)
        return NULL;
    *block = (struct hark_stream_block){.bytes = copy_bytes(block), .capacity = capacity};
    return block;
}

/* An empty copy block for at least count bytes. */
static struct hark_stream_block *copy_take(struct hark_stream *stream, size_t count)
{
    struct hark_stream_block *block = stream->spare;
    if (block && count <= block->capacity) {
        stream->spare = NULL;
        block->count = 0;
        return block;
    }
    bool between = stream->last && stream->last->capacity == 0;
    size_t least = between ? COPY_BYTES_BETWEEN : COPY_BYTES;
    return copy_create(count > least ? count : least);
}

static void copy_release(struct hark_stream *stream, struct hark_stream_block *block)
{
    if (!stream->spare && block->capacity == COPY_BYTES && !stream->trimmed)
        stream->spare = block;
    else
        free(block);
}

static void link_last(struct hark_stream *stream, struct hark_stream_block *block)
{
    block->next = NULL;
    if (stream->last)
        stream->last->next = block;
    else
        stream->first = block;
    stream->last = block;
}

static void copy_fill(struct hark_stream_block *block, const char *bytes, size_t count)
{
    if (count > 0)
        memcpy(copy_bytes(block) + block->count, bytes, count);
    block->count += count;
}

int stream_queue_copy(struct hark_stream *stream, const void *bytes, size_t count)
{
    struct hark_stream_block *last = stream->last;
    size_t fits = last && last->capacity > 0 ? copy_room(last) : 0;
    if (fits > count)
        fits = count;
    if (count > fits) {
        struct hark_stream_block *block = copy_take(stream, count - fits);
        if (!block)
            return -ENOMEM;
        copy_fill(block, (const char *)bytes + fits, count - fits);
        link_last(stream, block);
    }
    if (fits > 0)
        copy_fill(last, bytes, fits);
    stream->queued_bytes += count;
    return 0;
}

void stream_queue_append(struct hark_stream *stream, struct hark_stream_block *block)
{
    block->capacity = 0;
    link_last(stream, block);
    stream->queued_bytes += block->count;
}

void stream_queue_gather(struct hark_stream *stream)
{
    struct hark_stream_gather *gather = &stream->gather;
    size_t sent = stream->first_sent;
    size_t vectors = 0;
    for (struct hark_stream_block *block = stream->first; block && vectors < HARK_STREAM_VECTORS;
         block = block->next) {
        gather->vectors[vectors].iov_base =
            sent > 0 ? (char *)block->bytes + sent : (char *)block->bytes;
        gather->vectors[vectors].iov_len = block->count - sent;
        vectors++;
        sent = 0;
    }
    gather->message = (struct msghdr){.msg_iov = gather->vectors, .msg_iovlen = vectors};
}

static void release_first(struct hark_stream *stream, int error)
{
    struct hark_stream_block *block = stream->first;
    stream->first = block->next;
    if (!stream->first)
        stream->last = NULL;
    stream->first_sent = 0;
    if (block->capacity > 0)
        copy_release(stream, block);
    else if (block->released)
        block->released(stream, block, error); /* may free the block, and append others */
}

void stream_queue_sent(struct hark_stream *stream, size_t count)
{
    stream->queued_bytes -= count;
    /* Empty blocks go with those in front of them, but none that `released` appends: that could go
     * on for ever. */
    size_t gathered = stream->gather.message.msg_iovlen;
    while (gathered-- > 0 && stream->first->count - stream->first_sent <= count) {
        count -= stream->first->count - stream->first_sent;
        release_first(stream, 0);
    }
    stream->first_sent += count;
}

void stream_queue_drop(struct hark_stream *stream, int error)
{
    stream->queued_bytes = 0;
    while (stream->first)
        release_first(stream, error);
}

void stream_queue_done(struct hark_stream *stream)
{
    free(stream->spare);
    stream->spare = NULL;
}
