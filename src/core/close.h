/* close.h - closing and detaching in order. */
#ifndef CORE_CLOSE_H
#define CORE_CLOSE_H

#include "hark/op.h"

/* Closes the descriptor where only its hark_close is left. */
void close_if_alone(struct hark_loop *loop, int fd);

/* The close of a number has ended: what was started on it meanwhile goes on. */
void close_ended(struct hark_loop *loop, int fd);

#endif
