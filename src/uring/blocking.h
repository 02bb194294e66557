/* blocking.h - what would block a thread, done by other ways. */
#ifndef URING_BLOCKING_H
#define URING_BLOCKING_H

#include "uring/state.h"

/* Start a read or a write, an open, a wait for a child. */
void blocking_start_io(struct hark_loop *loop, struct hark_op *op);
void blocking_start_open(struct hark_loop *loop, struct hark_op *op);
void blocking_start_wait(struct hark_loop *loop, struct hark_op *op);

/* Does what the kernel would have put to a thread of its own: on the pool, where that can. Ends
 * with -EAGAIN where it cannot. */
__attribute__((cold)) void blocking_without_thread(struct hark_loop *loop, struct hark_op *op);

/* Tries an op that the kernel might block on.
 * Gives: its result; or -EAGAIN, and what is submitted next is its poll. */
int64_t blocking_io_by_hand(struct hark_loop *loop, struct hark_op *op);

/* Of splices: see backend.h. The kernel gives each request to a thread of its own, which one that
 * waits for a peer would keep: so the request is for files alone, all else polls. */
int blocking_pair_kind(struct hark_loop *loop, int fd);
void blocking_pair_go(struct hark_loop *loop, struct hark_op *op, enum pair_next next);

#endif
