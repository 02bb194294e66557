/* transport_socket.h - a stream over a connected socket: stream->fd. */
#ifndef NET_TRANSPORT_SOCKET_H
#define NET_TRANSPORT_SOCKET_H

#include "hark/transport.h"

extern const struct hark_transport transport_socket;

/* A socket to connect to an address.
 * Gives: the descriptor.
 * Fails: as hark_os_socket. */
int transport_socket_make(struct hark_loop *loop, const struct hark_address *address);

#endif
