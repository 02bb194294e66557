/* The pieces that a stream holds while its owner does not read: a list of copies, the oldest
 * first. */
#include "net/stream_held.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int stream_held_put(struct hark_stream *stream, const void *bytes, size_t count)
{
    struct hark_stream_piece *piece = malloc(sizeof *piece + count);
    if (!piece)
        return -ENOMEM;
    piece->next = NULL;
    piece->begin = 0;
    piece->count = count;
    memcpy(piece->bytes, bytes, count);
    if (stream->held)
        stream->held_last->next = piece;
    else
        stream->held = piece;
    stream->held_last = piece;
    return 0;
}

struct hark_stream_piece *stream_held_take(struct hark_stream *stream)
{
    struct hark_stream_piece *piece = stream->held;
    if (piece)
        stream->held = piece->next;
    return piece;
}

size_t stream_held_fill(struct hark_stream *stream, void *bytes, size_t count)
{
    struct hark_stream_piece *piece = stream->held;
    size_t left = piece->count - piece->begin;
    if (count > left)
        count = left;
    memcpy(bytes, piece->bytes + piece->begin, count);
    piece->begin += count;
    if (piece->begin == piece->count)
        free(stream_held_take(stream));
    return count;
}

void stream_held_drop(struct hark_stream *stream)
{
    struct hark_stream_piece *piece;
    while ((piece = stream_held_take(stream)))
        free(piece);
}
