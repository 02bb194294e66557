/* stream.h - a stream over any transport. Those over sockets, and over two descriptors, are in
 * hark/stream.h; those of others are in hark/transport.h. */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include "hark/transport.h"

/* As hark_stream_open, over a transport that is open.
 * Owns: the transport and its state are the stream's until `closed`. */
void stream_open_over(struct hark_loop *loop, struct hark_stream *stream,
                      const struct hark_transport *transport, int fd,
                      const struct hark_stream_options *options,
                      const struct hark_stream_events *events);

/* --- for stream_calls.c --- */

/* Looks at what is wanted and has happened, and starts what is due. */
void stream_move_on(struct hark_stream *stream);

/* Starts what is due; inside of a callback, once it has returned. */
static inline void stream_advance(struct hark_stream *stream)
{
    if (!stream->corked)
        stream_move_on(stream);
}

/* Begins to connect. The stream is open, and its peer is set. */
void stream_connect(struct hark_stream *stream);

/* A point in time that long from now; a time-out of 0 is none. */
uint64_t stream_deadline(const struct hark_stream *stream, uint64_t timeout_ns);

#endif
