/* stream.h - a stream over any transport. Those over sockets are in hark/stream.h; for others there
 * is no public way yet. */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include "net/transport.h"

/* As hark_stream_open, over a transport that is open.
 * Owns: the transport and its state are the stream's until `closed`. */
void stream_open_over(struct hark_loop *loop, struct hark_stream *stream,
                      const struct hark_transport *transport, int fd,
                      const struct hark_stream_options *options,
                      const struct hark_stream_events *events);

#endif
