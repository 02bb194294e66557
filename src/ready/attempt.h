/* attempt.h - the calls of ops, made without blocking, and what comes of them. */
#ifndef READY_ATTEMPT_H
#define READY_ATTEMPT_H

#include "core/loop.h"
#include "core/op_kinds.h"
#include "ready/events.h"

/* hark_op.backend_bits while an op is in flight that waits for events: these (READY_), and how it
 * is tried (TRY_). */
uint32_t attempt_bits_of(const struct hark_op *op);

/* The events that it waits for. */
static inline uint32_t attempt_events_of(const struct hark_op *op)
{
    return op->backend_bits & READY_EVENTS;
}

enum attempt_outcome {
    ATTEMPT_RESULT,     /* a count, a descriptor, 0, or a negative errno */
    ATTEMPT_BLOCKED,    /* not before one of its events has come */
    ATTEMPT_NO_BUFFER,  /* the pool has none to receive into: no call was made */
    ATTEMPT_SHARE_USED, /* it could go on, but the others have their turn */
};

struct attempt {
    int64_t result;
    enum attempt_outcome outcome;
};

/* Makes the call of an op that waits for events. The row, whose kind is known, learns from it which
 * events do not hold. Where a connection is accepted the rows may move. */
struct attempt attempt_call(struct hark_loop *loop, struct hark_op *op, struct descriptor *row);

/* Makes the call of an op that never waits: NOP, SOCKET, SHUTDOWN, CLOSE.
 * Gives: its result. */
int64_t attempt_at_once(struct hark_loop *loop, struct hark_op *op);

/* Reads from a regular file what is in the page cache, all of it or nothing.
 * Gives: ATTEMPT_RESULT with the count, or ATTEMPT_BLOCKED. */
struct attempt attempt_cached(struct hark_loop *loop, struct hark_op *op);

#endif
