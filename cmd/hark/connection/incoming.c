/* incoming.c - one account of what comes in. A few small bodies are always let in: whoever
 * publishes ordinary events does not notice that others fill the memory with large ones.
 *
 * libc keeps what a burst has freed, for the next. Once most of it is gone, it is given back to the
 * system.
 */
#include "connection/incoming.h"

#include <malloc.h>

enum {
    LITTLE_BYTES = 16 * 1024,          /* what a connection may always hold */
    SHARE_BYTES_MIN = 2 * 1024 * 1024, /* a worker's: an event of the longest has room */
    BURST_BYTES = 8 * 1024 * 1024,
};

static const uint64_t BYTES_MAX_DEFAULT = 64U * 1024 * 1024;

void incoming_init(struct incoming *incoming, struct hark_loop *loop, uint64_t bytes_max,
                   uint32_t workers)
{
    uint64_t share = (bytes_max != 0 ? bytes_max : BYTES_MAX_DEFAULT) / workers;
    incoming->loop = loop;
    incoming->bytes_max = share > SHARE_BYTES_MIN ? share : SHARE_BYTES_MIN;
}

static void give_back(struct hark_op *op, int64_t result)
{
    (void)op;
    (void)result;
    malloc_trim(0);
}

bool incoming_set(struct incoming *incoming, size_t *held, size_t bytes)
{
    if (bytes == *held)
        return true;
    incoming->bytes = incoming->bytes - *held + bytes;
    *held = bytes;
    if (incoming->bytes > incoming->peak)
        incoming->peak = incoming->bytes;
    if (incoming->peak >= BURST_BYTES && incoming->bytes < incoming->peak / 4 &&
        !hark_op_active(&incoming->give_back)) {
        incoming->peak = incoming->bytes;
        hark_defer(incoming->loop, &incoming->give_back, give_back);
    }
    return bytes <= LITTLE_BYTES || incoming->bytes <= incoming->bytes_max;
}
