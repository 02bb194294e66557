/* sigpipe.h - SIGPIPE is blocked in the loop's thread while writes that may raise it are in
 * flight. */
#ifndef CORE_SIGPIPE_H
#define CORE_SIGPIPE_H

#include "hark/op.h"

/* Blocks SIGPIPE in this thread until hark_run returns with none of these writes in flight.
 * Takes: a write that has begun. */
void sigpipe_guard(struct hark_loop *loop, struct hark_op *op);

/* The loop is left: takes back what was raised meanwhile, and lets SIGPIPE be as it was, unless
 * writes are in flight still. */
void sigpipe_release(struct hark_loop *loop);

/* In a child: SIGPIPE is as it was before, if its thread is the loop's. */
void sigpipe_after_fork(struct hark_loop *loop);

#endif
