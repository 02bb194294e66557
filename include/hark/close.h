/* close.h - the end of a descriptor, of any kind: in order, whatever is in flight on it.
 *
 * The rules of op.h hold.
 */
#ifndef HARK_CLOSE_H
#define HARK_CLOSE_H

#include "op.h"

HARK_BEGIN

/* Ends every op in flight on the descriptor with -ECANCELED (each has its final call), then closes
 * it, then calls back last. From this call on, starting an op on the descriptor gives -EBADF. A
 * close cannot be cancelled.
 * Gives: 0.
 * Fails: -EBADF not open, or being closed already; -EIO, -ENOSPC, -EDQUOT as close(2): the
 *   descriptor is closed even so. */
HARK_API void hark_close(struct hark_loop *loop, struct hark_op *op, int fd, hark_done *done);

/* Closes a connection once all that is being sent has been: the ops in flight on it that send or
 * write go on, all others are ended (a hark_splice to it that has nothing to send yet among them),
 * and nothing new may be started, as with hark_close; then it is closed, and called back last. Give
 * the sends a deadline, else a peer that takes nothing keeps the connection: a send that ends by
 * its deadline or by hark_cancel lets the close go on. What the peer has sent and nobody has
 * received makes TCP reset the connection (RFC 1122, 4.2.2.13).
 * Gives and fails: as hark_close. */
HARK_API void hark_close_after_sending(struct hark_loop *loop, struct hark_op *op, int fd,
                                       hark_done *done);

/* Ends every op in flight on the descriptor as hark_close does, has the loop forget it without
 * closing it, then calls back last: the descriptor is the caller's again, to be used with another
 * loop, with this one anew, or with close(2). What the kernel had handed to an op before is
 * delivered in that op's calls; what had not been received stays in the descriptor for whoever
 * reads next. From this call until its callback, starting an op on the descriptor, a hark_close
 * too, gives -EBADF. A detach cannot be cancelled. Sockets stay non-blocking.
 * Gives: 0.
 * Fails: -EBADF not open, or being closed or detached already. */
HARK_API void hark_detach(struct hark_loop *loop, struct hark_op *op, int fd, hark_done *done);

HARK_END

#endif
