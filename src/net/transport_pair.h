/* transport_pair.h - a stream over two descriptors, one to read and one to write: two pipes, or a
 * terminal twice. What has no shutdown(2) and lends no buffers. */
#ifndef NET_TRANSPORT_PAIR_H
#define NET_TRANSPORT_PAIR_H

#include "net/transport.h"

enum { TRANSPORT_PAIR_BYTES = 16384 };

struct transport_pair {
    struct hark_transport transport;
    int in, out;                      /* -1: closed, or being closed */
    char bytes[TRANSPORT_PAIR_BYTES]; /* what was read, until it is delivered */
};

/* Takes: two descriptors that are open; or one, for both.
 * Owns: both, and the pair's memory, are the stream's that is opened over it, until `closed`. */
void transport_pair_init(struct transport_pair *pair, int in, int out);

#endif
