/* incoming.h - memory that peers can make the server take before it has anything whole of them:
 * bodies and lines that are on their way in, and those that wait for the disk. All connections
 * together have one bound. */
#ifndef HARK_COMMAND_CONNECTION_INCOMING_H
#define HARK_COMMAND_CONNECTION_INCOMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hark.h"

/* A worker's. */
struct incoming {
    struct hark_loop *loop;
    uint64_t bytes;
    uint64_t bytes_max; /* its share of the bound */
    uint64_t peak;      /* since memory was last given back */
    struct hark_op give_back;
};

#define INCOMING_BUSY "too much is on its way from all clients together: try again later"

/* Takes: bytes_max: the bound of all workers together; 0: 64 MiB. */
void incoming_init(struct incoming *incoming, struct hark_loop *loop, uint64_t bytes_max,
                   uint32_t workers);

/* Whether all together hold more than they may. */
static inline bool incoming_is_full(const struct incoming *incoming)
{
    return incoming->bytes > incoming->bytes_max;
}

/* One connection now holds so many bytes.
 * Takes: held: what it held, 0 at first.
 * Gives: false: it has more than a little, and all together have more than they may. */
bool incoming_set(struct incoming *incoming, size_t *held, size_t bytes);

#endif
