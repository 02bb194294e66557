/* incoming.h - memory that peers can make the server take before it has anything whole of them:
 * bodies and lines that are on their way in, and those that wait for the disk. All connections
 * together have one bound. */
#ifndef CONNECTION_INCOMING_H
#define CONNECTION_INCOMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hark.h"

struct worker;
struct connection;

/* A worker's. */
struct incoming {
    uint64_t bytes;
    uint64_t bytes_max; /* its share of the bound */
    uint64_t peak;      /* since memory was last given back */
    struct hark_op give_back;
};

#define INCOMING_BUSY "too much is on its way from all clients together: try again later"

void incoming_init(struct worker *worker);

/* The connection now holds so many.
 * Gives: false: it has more than a little, and all together have more than they may. */
bool incoming_set(struct connection *connection, size_t bytes);

#endif
