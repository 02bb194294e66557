/* again.h - errors that may be over in a moment, and the timer that finds out. */
#ifndef HARK_COMMAND_TAIL_AGAIN_H
#define HARK_COMMAND_TAIL_AGAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "hark.h"

/* Zeroed before its first use. later.h sets it. */
struct tail_again {
    struct hark_op op;
    uint64_t wait_ns; /* what was waited for last; 0: nothing is in the way any more */
};

/* Whether the same may succeed in a moment: descriptors, memory or threads were lacking, or the
 * disk did not answer.
 * Takes: a negative errno, or anything else.
 * Thread: any. */
bool again_may_help(int64_t error);

#endif
