/* post.h - from other threads into the loop, and from loop to loop. */
#ifndef HARK_POST_H
#define HARK_POST_H

#include "op.h"

HARK_BEGIN

/* Has done(op, 0) called on the loop's thread. Posts of one thread are called in their order. One
 * wake-up serves all posts that come while the loop sleeps; a running loop needs none.
 * Takes: an op that is not in flight; from here to its final call it is the loop's.
 * Gives: 0. It cannot fail: nothing is allocated.
 * Thread: any, but the caller sees to it that the loop lives until this returns. A post counts as
 *   in flight once the loop has seen it: a loop that waits for posts alone holds another op, such
 *   as hark_sleep_until(HARK_NEVER). */
HARK_API void hark_post(struct hark_loop *loop, struct hark_op *op, hark_done *done);

/* Has done(op, 0) called on the thread of another loop: a message. Those of one loop to another are
 * called in the order in which they were sent; from that call on the op, and whatever it stands in,
 * is the receiver's. A loop that sleeps is woken by the sender's next system call if both are on
 * io_uring (IORING_OP_MSG_RING), which the end of the sender's turn makes anyway; elsewhere by one
 * of its own, at once. If even a turn is too long to wait, hark_post.
 * Takes: from: the loop of the calling thread; to: any loop, `from` too; an op that is not in
 *   flight, from here to its final call the receiving loop's.
 * Gives: 0. It cannot fail: nothing is allocated.
 * Thread: that of `from`; the caller sees to it that `to` lives until the next turn of `from` is
 *   over, or `from` has left hark_run; the loops of a group (group.h) do. It counts as in flight as
 *   a post does. */
HARK_API void hark_message(struct hark_loop *from, struct hark_op *op, struct hark_loop *to,
                           hark_done *done);

HARK_END

#endif
