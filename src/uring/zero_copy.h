/* zero_copy.h - sends whose bytes the kernel does not copy: when they are over. */
#ifndef URING_ZERO_COPY_H
#define URING_ZERO_COPY_H

#include "uring/state.h"

#include <errno.h>

/* The start of a HARK_OP_SEND_ZC. */
void zero_copy_start(struct hark_loop *loop, struct hark_op *op);

/* A completion of one.
 * Gives: whether the kernel is done with its bytes; *result is the op's then. */
bool zero_copy_is_over(struct hark_loop *loop, struct hark_op *op, int32_t *result, uint32_t flags);

/* Whether this says that nothing is taken that is not copied: by the socket, or as the user has too
 * many pages locked already. */
static inline bool zero_copy_is_refused(int32_t result)
{
    return result == -EOPNOTSUPP || result == -ENOMEM || result == -ENOBUFS;
}

/* Gives: whether it was asked for without a copy; from here on it is a plain send. */
bool zero_copy_can_copy(struct hark_op *op);

/* An op with OP_LENDING is to end: sees to it that the kernel lets go of its bytes. */
void zero_copy_end(struct hark_loop *loop, struct hark_op *op);

#endif
