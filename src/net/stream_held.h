/* stream_held.h - what was received for a stream after its owner had stopped reading. For stream.c.
 *
 * io_uring goes on receiving until a cancel reaches it, and what it has taken is no longer in the
 * socket. It is copied, so that the loop's buffers stay free for others, and delivered when the
 * owner reads again. */
#ifndef NET_STREAM_HELD_H
#define NET_STREAM_HELD_H

#include "hark/stream.h"

/* Keeps a copy of a piece, behind those that are held.
 * Fails: -ENOMEM. */
int stream_held_put(struct hark_stream *stream, const void *bytes, size_t count);

/* The oldest piece, NULL where none is held; the caller's, to be given to free. */
struct hark_stream_piece *stream_held_take(struct hark_stream *stream);

/* Fills the caller's buffer from the oldest piece, what is left of which stays held.
 * Gives: the bytes. */
size_t stream_held_fill(struct hark_stream *stream, void *bytes, size_t count);

void stream_held_drop(struct hark_stream *stream);

struct hark_stream_piece {
    struct hark_stream_piece *next;
    size_t begin; /* bytes before it were delivered already */
    size_t count;
    char bytes[];
};

#endif
