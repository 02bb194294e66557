/* peers.h - the other side of a library's connections: TCP on a port of 127.0.0.1 that the kernel
 * chooses, in the loop of the test. For http_server.h and dns_server.h. */
#ifndef ADAPTERS_PEERS_H
#define ADAPTERS_PEERS_H

#include "harness/harness.h"

#include <stdlib.h>

struct peers;

/* A connection: the first member of what the server keeps of each. */
struct peer {
    struct hark_stream stream;
    struct peers *peers;
    struct peer *next, **link;
};

struct peers {
    struct hark_listener listener;
    uint16_t port;
    size_t peer_bytes; /* of the struct that begins with a peer; zeroed */
    void (*received)(struct peer *peer, const void *bytes, size_t count);
    struct peer *first;
    int open;
};

enum { PEERS_QUEUE_BYTES = 16 << 20 };

void peers_start(struct hark_loop *loop, struct peers *peers, size_t peer_bytes,
                 void (*received)(struct peer *peer, const void *bytes, size_t count));
void peers_close(struct peers *peers);

/* Goes away, with all its connections, once the loop has run. */
void peers_end(struct peers *peers);

#endif
