/* peers.h - how many connections each address has, where there is a limit for one. */
#ifndef CONNECTION_PEERS_H
#define CONNECTION_PEERS_H

#include <stdbool.h>

struct worker;
struct server;
struct peer; /* an address */

/* One connection more, if there may be.
 * Takes: the owner.
 * Gives: true and *out_peer: NULL where nobody counts. */
bool peer_enter(struct worker *owner, int fd, struct peer **out_peer);

/* One less.
 * Takes: NULL: nothing happens.
 * Thread: any of the server's. */
void peer_leave(struct peer *peer);

/* Frees what is kept of them. */
void peers_done(struct server *server);

#endif
