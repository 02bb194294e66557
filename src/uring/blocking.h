/* blocking.h - what would block a thread, done by other ways. */
#ifndef URING_BLOCKING_H
#define URING_BLOCKING_H

#include "uring/state.h"

/* Start a read or a write, a splice, an open, a wait for a child. */
void blocking_start_splice(struct hark_loop *loop, struct hark_op *op);
void blocking_start_io(struct hark_loop *loop, struct hark_op *op);
void blocking_start_open(struct hark_loop *loop, struct hark_op *op);
void blocking_start_wait(struct hark_loop *loop, struct hark_op *op);

/* Does what the kernel would have put to a thread of its own: on the pool, where that can. Ends
 * with -EAGAIN where it cannot. */
void blocking_without_thread(struct hark_loop *loop, struct hark_op *op);

/* Tries an op that the kernel might block on.
 * Gives: its result; or -EAGAIN, and what is submitted next is its poll. */
int64_t blocking_io_by_hand(struct hark_loop *loop, struct hark_op *op);

/* A thread of the kernel's found nothing to splice, or no room: the op polls, and is requested
 * anew. */
void blocking_splice_again(struct hark_loop *loop, struct hark_op *op);

#endif
