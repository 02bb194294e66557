/* let_go.c - one timer for all old files of a follower: it rings when the first of them may go. A
 * file is read to its end before it is let go.
 *
 * What must hold: the file at the path is none of them. Until all that goes before it is open, it
 * may stand anywhere in the list; were it let go then, it would be read from its beginning again.
 */
#include "tail/let_go.h"

#include "tail/read.h"
#include "tail/source.h"

static bool is_old(const struct tail_source *source)
{
    return source->follower->path_known && !tail_source_was_seen(source) &&
           !tail_source_is_current(source);
}

static void time_passed(struct hark_op *op, int64_t result)
{
    struct tail_follower *follower = hark_container_of(op, struct tail_follower, let_go);
    struct tail *tail = follower->tail;
    if (result == 0 && !tail->closing && !follower->stopped) {
        for (struct tail_source *source = follower->oldest; source; source = source->newer)
            if (is_old(source) && hark_now(tail->loop) - source->left_ns >= tail->let_go_ns)
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
        if (is_old(source) && !source->leaving && source->left_ns < earliest)
            earliest = source->left_ns;
    if (earliest == HARK_NEVER || hark_op_active(&follower->let_go) || tail->closing)
        return;
    pending_begin(&tail->pending);
    hark_sleep_until(tail->loop, &follower->let_go, earliest + tail->let_go_ns, time_passed);
}
