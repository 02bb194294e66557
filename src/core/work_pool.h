/* work_pool.h - threads for what would block or keep the CPU. */
#ifndef CORE_WORK_POOL_H
#define CORE_WORK_POOL_H

#include "hark/op.h"

struct recorder;

/* Runs an op on a thread (its own function, or file_call); it comes back through the inbox with its
 * result.
 * Takes: an op that is linked. */
void work_pool_submit(struct hark_loop *loop, struct hark_op *op);

/* The same, but where the pool cannot take the op it is left as it was.
 * Fails: -ENOMEM, -EAGAIN. */
int work_pool_try(struct hark_loop *loop, struct hark_op *op);

/* Takes an op back that no thread has taken yet; all of them but closes, which end cancelled.
 * Gives: whether it was there. */
bool work_pool_withdraw(struct hark_loop *loop, struct hark_op *op);
void work_pool_withdraw_all(struct hark_loop *loop);

/* The threads record into it from here on; NULL: into none, and none is writing to one any more. */
void work_pool_record(struct hark_loop *loop, struct recorder *recorder);

/* Waits for its threads. */
void work_pool_destroy(struct hark_loop *loop);

/* In a child, where it has none. */
void work_pool_after_fork(struct hark_loop *loop);

#endif
