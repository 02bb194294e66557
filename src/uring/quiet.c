/* quiet.c - waiting for events where io_uring would not wait.
 *
 * Its poll adds POLLRDHUP to whatever is asked (IO_POLL_UNMASK, up to Linux 6.18 at least). Once the peer has shut down its side,
 * a poll for room to write on a full socket, or for a hang-up, then completes at once, for ever. epoll adds POLLERR and POLLHUP
 * alone: so the op's poll is put on an epoll descriptor that watches the socket. That is made only when the case is met, and goes
 * with the poll's completion. */
#include "uring/uring.h"

#include <sys/epoll.h>
#include <unistd.h>

int uring_quieten(struct hark_loop *loop, struct hark_op *op, uint32_t events)
{
    struct epoll_event event = {.events = events};
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->metrics.system_calls += 2;
    if (epoll < 0)
        return -errno;
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, op->fd, &event) < 0) {
        int error = -errno;
        close(epoll);
        return error;
    }
    op->spare |= OP_BEHIND_EPOLL | (uint32_t)epoll << OP_EPOLL_SHIFT;
    return 0;
}

void uring_unquieten(struct hark_op *op)
{
    if (!(op->spare & OP_BEHIND_EPOLL))
        return;
    close((int)(op->spare >> OP_EPOLL_SHIFT));
    op->spare &= (1u << OP_EPOLL_SHIFT) - 1 - OP_BEHIND_EPOLL;
}
