/* parts.h - transfers of all that was asked for, where the kernel loses the count of one that is
 * cancelled (before Linux 6.1). */
#ifndef URING_PARTS_H
#define URING_PARTS_H

#include "uring/state.h"

/* The start of a recv or send; of one with MSG_WAITALL a part is requested at a time. */
void parts_start(struct hark_loop *loop, struct hark_op *op);

/* A part has come to this result.
 * Gives: whether the rest is requested; if not, *result is the whole's. */
bool parts_go_on(struct hark_loop *loop, struct hark_op *op, int64_t *result);

#endif
