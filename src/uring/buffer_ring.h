/* buffer_ring.h - the ring of buffers that the kernel lends from. */
#ifndef URING_BUFFER_RING_H
#define URING_BUFFER_RING_H

#include "uring/state.h"

/* The ring of buffers that the kernel lends from: registers it, and fills it before
 * a wait. */
int buffer_ring_register(struct hark_loop *loop, struct uring *uring);
void buffer_ring_fill(struct hark_loop *loop, struct uring *uring);

/* Takes the one that was put in last out again. What is in the ring is known, and no request is
 * being served: the kernel has a look at the end of the ring for each.
 * Gives: whether there was one. */
bool buffer_ring_take_back(struct hark_loop *loop, struct uring *uring);

#endif
