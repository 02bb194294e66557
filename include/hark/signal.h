/* signal.h - signals as events. */
#ifndef HARK_SIGNAL_H
#define HARK_SIGNAL_H

#include "op.h"

HARK_BEGIN

/* Calls back for each arrival of a signal, on the loop's thread, where everything is allowed. While
 * any loop of the process asks for a signal, the library's handler (SA_RESTART) stands in for its
 * disposition, which is restored after the last. Arrivals before the callback are merged, as POSIX
 * does. Several ops, on several loops, may ask for one signal: each is called.
 * Takes: number: 1 to 64, but SIGKILL and SIGSTOP.
 * Gives: the number, with hark_op_more; it ends by cancel.
 * Fails: -EINVAL a number that cannot be caught; -EMFILE more than 64 loops ask. */
HARK_API void hark_signal_each(struct hark_loop *loop, struct hark_op *op, int number,
                               hark_done *done);

HARK_END

#endif
