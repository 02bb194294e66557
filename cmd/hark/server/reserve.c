/* reserve.c - the number of connections leaves descriptors to the log and the tails, but what was
 * accepted counts before anybody has looked at it: a burst of connections, or an operator who
 * lowers the limit, can take all. So some are kept open on nothing, and given up one by one when
 * one is lacking there.
 */
#include "server/reserve.h"

#include <fcntl.h>

#include "connection/worker.h"

void reserve_fill(struct worker *owner)
{
    struct reserve *reserve = &owner->reserve;
    while (reserve->count < RESERVE_DESCRIPTORS) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC); /* no disk is asked: it does not block */
        if (fd < 0)
            return;
        reserve->descriptors[reserve->count++] = fd;
    }
}

bool reserve_give(void *owner)
{
    struct worker *worker = owner;
    if (worker->reserve.count == 0)
        return false;
    hark_os_close(worker->loop, worker->reserve.descriptors[--worker->reserve.count]);
    return true;
}

void reserve_done(struct worker *owner)
{
    while (reserve_give(owner))
        ;
}
