/* peers.h - how many connections each address has, where there is a limit for one. */
#ifndef CONNECTION_PEERS_H
#define CONNECTION_PEERS_H

#include <stdbool.h>

struct agent;
struct crew;
struct peer; /* an address */

/* One connection more, if there may be.
 * Takes: the owner.
 * Gives: true and *out_peer: NULL where nobody counts. */
bool peer_enter(struct agent *owner, int fd, struct peer **out_peer);

/* One less.
 * Takes: NULL: nothing happens.
 * Thread: any of the crew. */
void peer_leave(struct peer *peer);

/* Frees what is kept of them. */
void peers_done(struct crew *crew);

#endif
