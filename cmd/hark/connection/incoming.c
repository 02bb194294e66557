/* incoming.c - one account of what comes in. A few small bodies are always let in: whoever
 * publishes ordinary events does not notice that others fill the memory with large ones.
 *
 * libc keeps what a burst has freed, for the next. Once most of it is gone, it is given back to the
 * system.
 */
#include "connection/incoming.h"

#include <malloc.h>

#include "connection/connection.h"

enum {
    LITTLE_BYTES = 16 * 1024,          /* what a connection may always hold */
    SHARE_BYTES_MIN = 2 * 1024 * 1024, /* a thread's: an event of the longest has room */
    BURST_BYTES = 8 * 1024 * 1024,
};

static const uint64_t INCOMING_BYTES_DEFAULT = 64U * 1024 * 1024;

void incoming_init(struct worker *worker)
{
    uint64_t whole = worker->options->incoming_bytes != 0 ? worker->options->incoming_bytes
                                                          : INCOMING_BYTES_DEFAULT;
    uint64_t share = whole / worker->server->count;
    worker->incoming.bytes_max = share > SHARE_BYTES_MIN ? share : SHARE_BYTES_MIN;
}

static void give_back(struct hark_op *op, int64_t result)
{
    (void)op;
    (void)result;
    malloc_trim(0);
}

bool incoming_set(struct connection *connection, size_t bytes)
{
    struct worker *worker = connection->worker;
    struct incoming *incoming = &worker->incoming;
    if (bytes == connection->incoming)
        return true;
    incoming->bytes = incoming->bytes - connection->incoming + bytes;
    connection->incoming = bytes;
    if (incoming->bytes > incoming->peak)
        incoming->peak = incoming->bytes;
    if (incoming->peak >= BURST_BYTES && incoming->bytes < incoming->peak / 4 &&
        !hark_op_active(&incoming->give_back)) {
        incoming->peak = incoming->bytes;
        hark_defer(worker->loop, &incoming->give_back, give_back);
    }
    return bytes <= LITTLE_BYTES || incoming->bytes <= incoming->bytes_max;
}
