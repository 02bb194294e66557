/* accept.h - repeating accepts that no request stands behind. */
#ifndef URING_ACCEPT_H
#define URING_ACCEPT_H

#include "uring/state.h"

/* Whether an op is a hark_accept_each that can wait behind watch_fd; and what it does once that has
 * reported it. */
bool accept_can_watch(struct hark_loop *loop, const struct hark_op *op);
void accept_waiting(struct hark_loop *loop, struct hark_op *op);

#endif
