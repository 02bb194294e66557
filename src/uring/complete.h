/* complete.h - completions, and what each means for its op. */
#ifndef URING_COMPLETE_H
#define URING_COMPLETE_H

#include "uring/state.h"

/* Messages that the kernel has refused, among the completions that are left for later: their loops
 * are woken now. */
void complete_find_refused(struct uring *uring);

/* Handles up to `budget` completions. Gives how many. */
uint32_t complete_reap(struct hark_loop *loop, uint32_t budget);

#endif
