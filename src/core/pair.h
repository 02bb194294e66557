/* pair.h - ops of two descriptors: splices.
 *
 * Such an op stands in the row of one of them, op->fd, as all ops do: there it waits. In a list of
 * the other it is found by a close. Where it has to wait for the other the two change places; in
 * the final call op->fd is the one that it was started on. */
#ifndef CORE_PAIR_H
#define CORE_PAIR_H

#include "core/loop.h"

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

/* Hands an op with its arguments to the backend, if both descriptors take it. */
void pair_start(struct hark_loop *loop, struct hark_op *op);

/* It waited for the close of a number to end. */
void pair_start_parked(struct hark_loop *loop, struct hark_op *op);

/* A thread of the pool had to leave it. */
void pair_go_on(struct hark_loop *loop, struct hark_op *op);

/* It stands at the other descriptor from here on. */
void pair_turn(struct hark_loop *loop, struct hark_op *op);

/* It is taken out of the list of the other, whose number it gives. */
int pair_end(struct hark_loop *loop, struct hark_op *op);

/* splice(2), which does not wait for a pipe. */
int64_t pair_call(uint64_t *calls, const struct hark_op *op);

/* The call has said that it would wait.
 * Gives: whether one end is not ready; there it stands then. */
bool pair_find_wait(struct hark_loop *loop, struct hark_op *op);

/* The same in the loop's thread, for ends that do not block.
 * Gives: the result; -EAGAIN: it stands now at the one that is to be waited for, where *out_waits;
 *   else both were ready each time that they were asked. */
int64_t pair_try(struct hark_loop *loop, struct hark_op *op, bool *out_waits);

#endif
