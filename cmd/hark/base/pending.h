/* pending.h - how much is under way; when that falls to nothing, whoever waits goes on.
 *
 *     pending_begin(&log->pending);                       an op is started
 *     ...
 *     pending_end(&log->pending);                         it has ended
 *
 *     pending_wait(&log->pending, next_step);             calls next_step when all have
 *
 * The same counts what uses a struct: whoever frees it waits from the beginning.
 */
#ifndef HARK_COMMAND_BASE_PENDING_H
#define HARK_COMMAND_BASE_PENDING_H

#include <stdbool.h>
#include <stdint.h>

struct pending;

/* Nothing is under way any more. May begin something, wait anew, or free what `pending` stands
 * in. */
typedef void pending_settled(struct pending *pending);

/* In the caller's memory, usually inside of what it is about. All zero: nothing is under way, and
 * nobody waits. All private. */
struct pending {
    uint64_t count;
    pending_settled *settled; /* NULL: nobody waits */
};

/* Something begins. */
static inline void pending_begin(struct pending *pending)
{
    pending->count++;
}

/* It has ended. If it was the last, and somebody waits, that one is called now: `pending` may be
 * gone afterwards.
 * Takes: each begin has one end. */
void pending_end(struct pending *pending);

static inline bool pending_none(const struct pending *pending)
{
    return pending->count == 0;
}

/* Calls settled, once, when nothing is under way: inside of this call, if that is so now. Who must
 * not be called from here begins something before, and ends it in a turn of its own.
 * Takes: one waits at a time. */
void pending_wait(struct pending *pending, pending_settled *settled);

#endif
