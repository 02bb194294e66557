/* let_go.c - one timer for all old files of a follower: it rings when the first of them may go. A
 * file is read to its end before it is let go. */
#include "tail/let_go.h"

#include "tail/read.h"
#include "tail/source.h"

static void time_passed(struct hark_op *op, int64_t result)
{
    struct tail_follower *follower = hark_container_of(op, struct tail_follower, let_go);
    struct tail *tail = follower->tail;
    if (result == 0 && !tail->closing && !follower->stopped) {
        for (struct tail_source *source = follower->oldest; source; source = source->newer)
            if (!tail_source_is_current(source) &&
                hark_now(tail->loop) - source->left_ns >= tail->let_go_ns)
                source->leaving = true;
        tail_let_go(follower);
        tail_read(follower);
    }
    pending_end(&tail->pending);
}

void tail_let_go(struct tail_follower *follower)
{
    struct tail *tail = follower->tail;
    uint64_t earliest = HARK_NEVER;
    for (const struct tail_source *source = follower->oldest; source; source = source->newer)
        if (!tail_source_is_current(source) && !source->leaving && source->left_ns < earliest)
            earliest = source->left_ns;
    if (earliest == HARK_NEVER || hark_op_active(&follower->let_go) || tail->closing)
        return;
    pending_begin(&tail->pending);
    hark_sleep_until(tail->loop, &follower->let_go, earliest + tail->let_go_ns, time_passed);
}
