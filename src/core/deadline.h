/* deadline.h - deadlines of ops, and timers that are due. */
#ifndef CORE_DEADLINE_H
#define CORE_DEADLINE_H

#include "hark/op.h"

/* Ends, one after the other, the timers and deadlines that have passed: at most `budget`. */
void deadline_expire(struct hark_loop *loop, uint32_t budget);

/* A timer that repeats goes on after its call. */
void deadline_every_continue(struct hark_loop *loop, struct hark_op *op);

#endif
