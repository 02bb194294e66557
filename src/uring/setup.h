/* setup.h - making the ring, with the best that the kernel has. */
#ifndef URING_SETUP_H
#define URING_SETUP_H

#include "uring/state.h"

/* Opens the ring with the best features that the kernel takes. */
int setup_create(struct hark_loop *loop, const struct hark_options *options, char *out_reason,
                 size_t reason_room);
void setup_destroy(struct hark_loop *loop);

/* The calling thread is about to run the loop, for the first time or after another: the first has
 * the ring for good, where that has deferred task work.
 * Fails: -EPERM. */
int setup_adopt(struct hark_loop *loop);

#endif
