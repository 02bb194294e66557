/* close.h - closing and detaching in order. */
#ifndef CORE_CLOSE_H
#define CORE_CLOSE_H

#include "hark/op.h"

/* A close or a detach: ends all others on its descriptor, and cannot be ended itself. */
static inline bool op_closes(const struct hark_op *op)
{
    return op->code == HARK_OP_CLOSE || op->code == HARK_OP_DETACH;
}

/* Whether the close of a released number has not left this thread yet: then the number cannot mean
 * another file. */
bool close_is_still_here(const struct hark_loop *loop, int fd);

/* Closes the descriptor where only its hark_close is left. */
void close_if_alone(struct hark_loop *loop, int fd);

/* The close of a number has ended: what was started on it meanwhile goes on. */
void close_ended(struct hark_loop *loop, int fd);

#endif
