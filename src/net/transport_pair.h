/* transport_pair.h - a stream over two descriptors, one to read and one to write: two pipes, or a
 * terminal twice. What has no shutdown(2) and lends no buffers. */
#ifndef NET_TRANSPORT_PAIR_H
#define NET_TRANSPORT_PAIR_H

#include "hark/transport.h"

enum { TRANSPORT_PAIR_BYTES = 16384 };

/* Takes: two descriptors that are open; or one, for both; -1: none.
 * Gives: 0 and a transport, which frees itself with the last close; the descriptors are its own.
 * Fails: -ENOMEM. */
int transport_pair_create(int in, int out, const struct hark_transport **out_transport);

#endif
