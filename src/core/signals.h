/* signals.h - signals as events. */
#ifndef CORE_SIGNALS_H
#define CORE_SIGNALS_H

#include "hark/op.h"

/* Signals have arrived since they were last delivered. */
bool signals_pending(const struct hark_loop *loop);

/* Finishes the ops that asked for what has arrived. */
void signals_deliver(struct hark_loop *loop);

/* An op asks no more: its signal is as it was before, if it was the last. */
void signals_end(struct hark_loop *loop, struct hark_op *op);

/* The loop is about to go. */
void signals_done(struct hark_loop *loop);

/* In a child: the loop's signals are as they were before, and its ops are left as they are. */
void signals_after_fork(struct hark_loop *loop);

#endif
