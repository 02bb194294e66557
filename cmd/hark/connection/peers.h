/* peers.h - how many connections each address has, if there is a limit for one. */
#ifndef HARK_COMMAND_CONNECTION_PEERS_H
#define HARK_COMMAND_CONNECTION_PEERS_H

#include <stdbool.h>
#include <stdint.h>

struct hark_loop;
struct peer; /* an address */

enum { PEERS_BUCKETS = 1024 };

/* The owner's, zeroed at first; all private. */
struct peers {
    struct peer *buckets[PEERS_BUCKETS];
};

/* What the address of a peer counts as: IPv6 by its first 64 bits.
 * Gives: false: there is none to count by, as over a unix socket.
 * Thread: any. */
bool peer_address(struct hark_loop *loop, int fd, uint64_t *out_address);

/* One connection more, if there may be.
 * Takes: loop: the owner's; limit: of one address; 0: none.
 * Gives: true and *out_peer: NULL if nobody counts. */
bool peer_enter(struct peers *peers, struct hark_loop *loop, uint64_t limit, int fd,
                struct peer **out_peer);

/* One less.
 * Takes: NULL: nothing happens.
 * Thread: any of the server's. */
void peer_leave(struct peer *peer);

/* Frees what is kept of them. */
void peers_done(struct peers *peers);

#endif
