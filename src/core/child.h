/* child.h - the end of a child, asked for without waiting. */
#ifndef CORE_CHILD_H
#define CORE_CHILD_H

#include "hark/op.h"

/* Takes: a hark_waitid.
 * Gives: 0: it has ended; -EAGAIN: not yet; a negative errno. */
int64_t child_try(uint64_t *calls, const struct hark_op *op);

/* Whether its end is in the caller's memory. */
bool child_is_told(const struct hark_op *op);

#endif
