/* work.h - the pool of threads, for work that would keep the CPU or would block: stage 7 stays
 * short. */
#ifndef HARK_WORK_H
#define HARK_WORK_H

#include "op.h"

HARK_BEGIN

/* Runs function(op) on a thread of the loop's pool, then calls back on the loop's thread. The
 * threads start when first needed, at most hark_options.workers_max of them.
 * Takes: function: must not use the loop but for hark_post and hark_stop.
 * Gives: what the function returned.
 * Fails: -EAGAIN no thread could be started. A cancel ends it with -ECANCELED only while it has not
 *   begun. */
HARK_API void hark_work(struct hark_loop *loop, struct hark_op *op, hark_work_function *function,
                        hark_done *done);

HARK_END

#endif
