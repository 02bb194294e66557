/* inbox.c - the rare part of the inbox: ops that found its ring full. See inbox.h. */
#include "base/inbox.h"

static bool is_before(uint32_t ticket, uint32_t other)
{
    return (int32_t)(ticket - other) < 0;
}

/* Nearly always the last: tickets come almost in order. */
static void hold(struct op_queue *held, struct hark_op *op)
{
    struct hark_op **at = &held->first;
    if (held->first && is_before(held->last->ticket, op->ticket))
        at = &held->last->queued;
    else
        while (*at && is_before((*at)->ticket, op->ticket))
            at = &(*at)->queued;
    op->queued = *at;
    *at = op;
    if (!op->queued)
        held->last = op;
}

/* Moves what has overflowed to where it is held, the oldest first. */
static void hold_overflow(struct inbox *inbox)
{
    struct hark_op *oldest = NULL;
    struct hark_op *op = atomic_exchange_explicit(&inbox->overflow, NULL, memory_order_acquire);
    while (op) {
        struct hark_op *older = op->queued;
        op->queued = oldest;
        oldest = op;
        op = older;
    }
    while (oldest) {
        struct hark_op *newer = oldest->queued;
        hold(&inbox->held, oldest);
        oldest = newer;
    }
}

struct hark_op *inbox_take_overflowed(struct inbox *inbox)
{
    if (atomic_load_explicit(&inbox->overflow, memory_order_relaxed))
        hold_overflow(inbox);
    if (!inbox->held.first || inbox->held.first->ticket != inbox->next)
        return NULL;
    inbox->next++;
    return op_queue_pop(&inbox->held);
}
