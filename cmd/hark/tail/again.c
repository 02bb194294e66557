/* again.c - what fails for want of what others may give back is tried again, later and later:
 * nothing else tells that it is there. */
#include "tail/again.h"

#include <errno.h>

#include "tail/state.h"

static const uint64_t wait_max_ns = 30ULL * 1000 * 1000 * 1000;

bool again_may_help(int64_t error)
{
    return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -EAGAIN ||
           error == -EIO;
}

static bool finds_spare(struct tail *tail, int64_t error)
{
    bool lacking = error == -EMFILE || error == -ENFILE;
    return lacking && tail->spare && tail->spare(tail->report_context);
}

void tail_again(struct tail *tail, struct tail_again *again, int64_t error,
                void (*rang)(struct hark_op *op, int64_t result))
{
    if (tail->closing || hark_op_active(&again->op))
        return;
    if (finds_spare(tail, error)) {
        tail_begin(tail);
        hark_sleep(tail->loop, &again->op, 0, rang);
        return;
    }
    again->wait_ns = again->wait_ns ? 2 * again->wait_ns : tail->retry_ns;
    if (again->wait_ns > wait_max_ns)
        again->wait_ns = wait_max_ns;
    tail_begin(tail);
    hark_sleep(tail->loop, &again->op, again->wait_ns, rang);
}

static void follower_rang(struct hark_op *op, int64_t result)
{
    struct tail_follower *follower = hark_container_of(op, struct tail_follower, again.op);
    struct tail *tail = follower->tail;
    if (result == 0 && !tail->closing && !follower->stopped) {
        if (!follower->ready)
            tail_start_begin(follower);
        else if (follower->lacks)
            tail_source_resolve(follower);
        tail_read_pump(follower);
    }
    tail_end(tail);
}

void tail_follower_again(struct tail_follower *follower, int64_t error)
{
    tail_again(follower->tail, &follower->again, error, follower_rang);
}
