/* handshake.h - from a connected socket to a connection that both sides agree on: the `open` of the
 * transport. */
#ifndef TLS_HANDSHAKE_H
#define TLS_HANDSHAKE_H

#include "tls/connection.h"

/* As open of struct hark_transport. */
void handshake_open(struct hark_stream *stream, hark_done *done);

#endif
