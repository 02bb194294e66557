/* reserve.c - the number of connections leaves descriptors to the log and the tails, but what was
 * accepted counts before anybody has looked at it: a burst of connections, or an operator who
 * lowers the limit, can take all. So some are kept open on nothing, and given up one by one when
 * one is lacking there. Until they have come back, connections are closed as they come: the kernel
 * gives one that waits the descriptor before whoever it was given up for has asked for it.
 */
#include "server/reserve.h"

#include <fcntl.h>

static const uint64_t LEFT_FREE_NS = 1000000000;

void reserve_init(struct reserve *reserve, struct hark_loop *loop)
{
    reserve->loop = loop;
    reserve_fill(reserve);
    reserve->most = reserve->count;
}

void reserve_fill(struct reserve *reserve)
{
    while (reserve->count < RESERVE_DESCRIPTORS && !reserve->done) {
        /* No disk is asked: it does not block. */
        int fd = hark_os_openat(AT_FDCWD, "/dev/null", O_RDONLY, 0);
        if (fd < 0)
            return;
        reserve->descriptors[reserve->count++] = fd;
    }
}

bool reserve_give(struct reserve *reserve)
{
    if (reserve->count == 0)
        return false;
    hark_os_close(reserve->loop, reserve->descriptors[--reserve->count]);
    reserve->given_ns = hark_now(reserve->loop);
    return true;
}

bool reserve_is_tapped(struct reserve *reserve)
{
    if (reserve->count == reserve->most || reserve->done)
        return false;
    if (hark_now(reserve->loop) - reserve->given_ns >= LEFT_FREE_NS)
        reserve_fill(reserve);
    return reserve->count < reserve->most;
}

void reserve_done(struct reserve *reserve)
{
    reserve->done = true;
    while (reserve_give(reserve))
        ;
}
