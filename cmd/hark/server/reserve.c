/* reserve.c - the number of connections leaves descriptors to the log and the tails, but what was
 * accepted counts before anybody has looked at it: a burst of connections, or an operator who
 * lowers the limit, can take all. So some are kept open on nothing, and given up one by one when
 * one is lacking there.
 *
 * The kernel gives a connection that waits the descriptor before whoever it was given up for has
 * asked for it. So for a moment after that nothing is taken back here, and connections are closed
 * as they come: what becomes free is for those that asked. After that it is the other way round:
 * what becomes free is taken back, and each connection that comes is closed and leaves its
 * descriptor here, until none is lacking.
 */
#include "server/reserve.h"

#include <errno.h>
#include <fcntl.h>

static const uint64_t left_free_default_ns = 1000000000;

void reserve_init(struct reserve *reserve, struct hark_loop *loop)
{
    reserve->loop = loop;
    reserve->left_free_ns = left_free_default_ns;
    reserve_fill(reserve);
    reserve->most = reserve->count;
}

static bool is_left_free(const struct reserve *reserve)
{
    return reserve->given && hark_now(reserve->loop) - reserve->given_ns < reserve->left_free_ns;
}

void reserve_fill(struct reserve *reserve)
{
    if (reserve->done || is_left_free(reserve))
        return;
    while (reserve->count < RESERVE_DESCRIPTORS) {
        /* No disk is asked: it does not block. */
        int fd = hark_os_openat(AT_FDCWD, "/dev/null", O_RDONLY, 0);
        if (fd < 0) {
            if (fd != -EMFILE && fd != -ENFILE) /* no connection that is closed would help */
                reserve->most = reserve->count;
            return;
        }
        reserve->descriptors[reserve->count++] = fd;
    }
}

bool reserve_give(struct reserve *reserve)
{
    if (reserve->count == 0)
        return false;
    hark_os_close(reserve->loop, reserve->descriptors[--reserve->count]);
    reserve->given = true;
    reserve->given_ns = hark_now(reserve->loop);
    return true;
}

bool reserve_lacks(const struct reserve *reserve)
{
    return reserve->count < reserve->most && !reserve->done;
}

void reserve_done(struct reserve *reserve)
{
    reserve->done = true;
    while (reserve_give(reserve))
        ;
}
