/* stream_queue.h - the write queue of a stream: blocks of the caller and copies, in the order in
 * which they leave. For stream.c, which sees to limits, marks and the sending itself. */
#ifndef NET_STREAM_QUEUE_H
#define NET_STREAM_QUEUE_H

#include "hark/stream.h"

/* Appends a copy of the bytes.
 * Fails: -ENOMEM, and nothing has changed. */
int stream_queue_copy(struct hark_stream *stream, const void *bytes, size_t count);

/* Appends the caller's block. */
void stream_queue_append(struct hark_stream *stream, struct hark_stream_block *block);

/* Points stream->gather at the front of the queue. What is appended later does not change it. */
void stream_queue_gather(struct hark_stream *stream);

/* Takes count bytes off the front, and calls `released` with 0 for each block that is sent. */
void stream_queue_sent(struct hark_stream *stream, size_t count);

/* Empties the queue, and calls `released` with the error for each block. */
void stream_queue_drop(struct hark_stream *stream, int error);

/* Frees what an empty queue still holds. */
void stream_queue_done(struct hark_stream *stream);

#endif
