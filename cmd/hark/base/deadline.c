/* deadline.c - one lazy timer under a deadline.
 *
 * What must hold: the timer waits for `armed_ns`, which is never after `at_ns` while it runs,
 * unless it is being cancelled to be started anew.
 */
#include "base/deadline.h"

#include <errno.h>

static void timer_done(struct hark_op *op, int64_t result);

static void arm(struct deadline *deadline)
{
    if (deadline->at_ns == HARK_NEVER)
        return;
    deadline->armed_ns = deadline->at_ns;
    hark_sleep_until(deadline->loop, &deadline->op, deadline->at_ns, timer_done);
}

static void timer_done(struct hark_op *op, int64_t result)
{
    struct deadline *deadline = hark_container_of(op, struct deadline, op);
    (void)result; /* fired, cancelled, or out of memory: what is wanted tells what to do */
    if (deadline->ending) {
        deadline->ended(deadline);
        return;
    }
    if (deadline->at_ns > hark_now(deadline->loop) && result != -ENOMEM) {
        arm(deadline);
        return;
    }
    deadline->at_ns = HARK_NEVER;
    deadline->passed(deadline);
}

void deadline_init(struct deadline *deadline, struct hark_loop *loop, deadline_called *passed)
{
    deadline->loop = loop;
    deadline->passed = passed;
    deadline->at_ns = HARK_NEVER;
    deadline->ending = false;
}

void deadline_set(struct deadline *deadline, uint64_t from_now_ns)
{
    uint64_t now_ns = hark_now(deadline->loop);
    if (deadline->ending)
        return;
    deadline->at_ns = from_now_ns < HARK_NEVER - now_ns ? now_ns + from_now_ns : HARK_NEVER;
    if (!hark_op_active(&deadline->op))
        arm(deadline);
    else if (deadline->at_ns < deadline->armed_ns)
        hark_cancel(&deadline->op);
}

void deadline_cancel(struct deadline *deadline)
{
    deadline->at_ns = HARK_NEVER;
    hark_cancel(&deadline->op);
}

void deadline_end(struct deadline *deadline, deadline_called *ended)
{
    if (deadline->ending)
        return;
    deadline->ending = true;
    deadline->ended = ended;
    if (hark_op_active(&deadline->op))
        hark_cancel(&deadline->op);
    else
        ended(deadline);
}
