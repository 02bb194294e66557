/* post.h - from other threads into the loop. */
#ifndef HARK_POST_H
#define HARK_POST_H

#include "op.h"

HARK_BEGIN

/* Has done(op, 0) called on the loop's thread. Posts of one thread are called in their order. One wake-up serves all posts that
 * come while the loop sleeps; a running loop needs none.
 * Takes: an op that is not in flight; from here to its final call it is the loop's.
 * Gives: 0. It cannot fail: nothing is allocated.
 * Thread: any, but the caller sees to it that the loop lives until this returns. A post counts as in flight once the loop has
 *   seen it: a loop that waits for posts alone holds another op, such as hark_sleep_until(HARK_NEVER). */
HARK_API void hark_post(struct hark_loop *loop, struct hark_op *op, hark_done *done);

HARK_END

#endif
