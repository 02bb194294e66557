/* later.c - the times between tries. */
#include "tail/later.h"

#include <errno.h>

static const uint64_t wait_max_ns = 30ULL * 1000 * 1000 * 1000;

static bool finds_spare(struct tail *tail, int64_t error)
{
    bool lacking = error == -EMFILE || error == -ENFILE;
    return lacking && tail->spare && tail->spare(tail->report_context);
}

void tail_later(struct tail *tail, struct tail_again *again, int64_t error,
                void (*rang)(struct hark_op *op, int64_t result))
{
    if (tail->closing || hark_op_active(&again->op))
        return;
    if (finds_spare(tail, error)) {
        pending_begin(&tail->pending);
        hark_sleep(tail->loop, &again->op, 0, rang);
        return;
    }
    again->wait_ns = again->wait_ns ? 2 * again->wait_ns : tail->retry_ns;
    if (again->wait_ns > wait_max_ns)
        again->wait_ns = wait_max_ns;
    pending_begin(&tail->pending);
    hark_sleep(tail->loop, &again->op, again->wait_ns, rang);
}

static void follower_rang(struct hark_op *op, int64_t result)
{
    struct tail_follower *follower = hark_container_of(op, struct tail_follower, again.op);
    struct tail *tail = follower->tail;
    if (result == 0 && !tail->closing && !follower->stopped)
        follower->steps->again(follower);
    pending_end(&tail->pending);
}

void tail_follower_later(struct tail_follower *follower, int64_t error)
{
    tail_later(follower->tail, &follower->again, error, follower_rang);
}
