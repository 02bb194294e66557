/* restrict.h - a ring that takes nothing but the requests of some kinds of ops. */
#ifndef URING_RESTRICT_H
#define URING_RESTRICT_H

#include "uring/ring.h"

/* From when the ring is enabled on the kernel refuses all else with -EACCES, and so it does what is
 * registered with it, but the ring itself.
 * Takes: a ring that is not enabled yet; kinds: 1 << HARK_OP_... of each; supported: what the
 *   kernel has.
 * Fails: what io_uring_register(2) answers; -ENOMEM. */
int restrict_ring(const struct ring *ring, uint64_t kinds, const bool supported[RING_OPCODES]);

#endif
