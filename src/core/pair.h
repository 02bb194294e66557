/* pair.h - ops of two descriptors: splices.
 *
 * Such an op stands in the row of one of them, op->fd, as all ops do: there it waits. In a list of
 * the other it is found by a close. Where it has to wait for the other the two change places; in
 * the final call op->fd is the one that it was started on.
 *
 * What comes of one is decided here, for all backends: the call is made in the loop's thread, told
 * not to wait, wherever that can be (pair_call.c). A backend says what a descriptor is, and carries
 * out what is next. */
#ifndef CORE_PAIR_H
#define CORE_PAIR_H

#include "core/loop.h"

/* What an end is. */
enum pair_kind {
    PAIR_UNKNOWN,
    PAIR_PIPE,   /* it does not wait when a call is told so */
    PAIR_SOCKET, /* it waits unless it has O_NONBLOCK, whatever a call is told */
    PAIR_DEVICE, /* so does this, which is shared with other processes: see unblocked.h */
    PAIR_FILE,   /* it may wait for a disk, or has no poll of its own */
};

static inline int pair_source(const struct hark_op *op)
{
    return op->with.splice.at_target ? op->with.splice.other : op->fd;
}

static inline int pair_target(const struct hark_op *op)
{
    return op->with.splice.at_target ? op->fd : op->with.splice.other;
}

/* The first of those that use the number and stand at another; NULL: there are none. */
static inline struct hark_op *pair_first(const struct hark_loop *loop, int fd)
{
    const struct descriptors *table = &loop->descriptors;
    return (uint32_t)fd < table->pairs_count ? table->pairs[fd] : NULL;
}

/* Starts an op with its arguments, if both descriptors take it. */
void pair_start(struct hark_loop *loop, struct hark_op *op);

/* It waited for the close of a number to end. */
void pair_start_parked(struct hark_loop *loop, struct hark_op *op);

/* It waited for an event or for its turn, and goes on. */
void pair_go_on(struct hark_loop *loop, struct hark_op *op);

/* A thread of the pool had to leave it. */
void pair_back_from_thread(struct hark_loop *loop, struct hark_op *op);

/* It stands at the other descriptor from here on. */
void pair_turn(struct hark_loop *loop, struct hark_op *op);

/* It is taken out of the list of the other, whose number it gives. */
int pair_end(struct hark_loop *loop, struct hark_op *op);

/* --- pair_call.c --- */

/* splice(2), as a thread makes it: it does not wait for a pipe. */
int64_t pair_call(uint64_t *calls, const struct hark_op *op);

/* Makes the call here, where that can be.
 * Gives: what is next; PAIR_ENDS with *out_result. */
enum pair_next pair_try(struct hark_loop *loop, struct hark_op *op, int64_t *out_result);

/* The same once a thread has said that it would wait. */
enum pair_next pair_after_thread(struct hark_loop *loop, struct hark_op *op, int64_t *out_result);

#endif
