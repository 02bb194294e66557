/* accept.c - repeating accepts without a request that holds the listening socket.
 *
 * The kernel lets a ring's requests go some time after its process has ended (seen: 8 to 30 ms), and with them the files that
 * they hold: a listening socket would go on taking connections that nobody accepts, and keep its port from whoever comes next. So
 * the loop's listening sockets are registered with an epoll descriptor, which holds none of them, and the ring polls that one.
 *
 * Left to the ring: one accept at a time, a socket that blocks, a second accept on the same socket, and where no descriptor is
 * left for the epoll. */
#include "core/call.h"
#include "uring/uring.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 16 };

static bool can_be_watched(struct hark_loop *loop, int fd)
{
    int listens = 0;
    socklen_t length = sizeof listens;
    loop->metrics.system_calls += 2;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) == 0 && listens && fcntl(fd, F_GETFL) & O_NONBLOCK;
}

static bool has_epoll(struct hark_loop *loop)
{
    struct uring *uring = uring_of(loop);
    if (uring->accept_fd >= 0)
        return true;
    loop->metrics.system_calls++;
    uring->accept_fd = epoll_create1(EPOLL_CLOEXEC);
    return uring->accept_fd >= 0;
}

static bool watch(struct hark_loop *loop, struct hark_op *op)
{
    if (!can_be_watched(loop, op->fd) || !has_epoll(loop))
        return false;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = op};
    loop->metrics.system_calls++;
    return epoll_ctl(uring_of(loop)->accept_fd, EPOLL_CTL_ADD, op->fd, &event) == 0;
}

static void unwatch(struct hark_loop *loop, struct hark_op *op)
{
    loop->metrics.system_calls++;
    op->spare = 0;
    (void)epoll_ctl(uring_of(loop)->accept_fd, EPOLL_CTL_DEL, op->fd, NULL);
}

void uring_start_accept(struct hark_loop *loop, struct hark_op *op)
{
    if (watch(loop, op))
        op->spare = OP_WATCHED;
    else
        uring_submit(loop, op);
}

void uring_cancel_accept(struct hark_loop *loop, struct hark_op *op)
{
    unwatch(loop, op);
    loop_finish(loop, op, -ECANCELED);
}

static int accept_one(struct hark_loop *loop, int listening)
{
    int fd;
    do {
        loop->metrics.system_calls++;
        fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    } while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
    return fd < 0 ? -errno : fd;
}

static bool shall_go_on(struct hark_loop *loop, const struct hark_op *op)
{
    return !(op->marks & (MARK_CANCELLED | MARK_EXPIRED)) && !loop_should_stop(loop);
}

/* What is left when the turn's share is used up is reported again. */
static void accept_waiting(struct hark_loop *loop, struct hark_op *op, uint32_t *left)
{
    op->state = OP_CALLING;
    for (; *left > 0 && shall_go_on(loop, op); --*left) {
        int fd = accept_one(loop, op->fd);
        if (fd == -EAGAIN)
            break;
        if (fd < 0) {
            unwatch(loop, op);
            return loop_call_final(loop, op, fd);
        }
        loop_forget_descriptor(loop, fd);
        loop_call_more(loop, op, fd);
    }
    if (op->marks & (MARK_CANCELLED | MARK_EXPIRED)) {
        unwatch(loop, op);
        return op_continue(loop, op);
    }
    op->state = OP_WAITING;
}

/* An op of the batch that another's callback cancels has its final call in a later turn: its memory stays until then. */
void uring_accept_waiting(struct hark_loop *loop)
{
    struct epoll_event events[BATCH];
    uint32_t left = loop->turn_max;
    loop->metrics.system_calls++;
    int count = epoll_wait(uring_of(loop)->accept_fd, events, BATCH, 0);
    for (int i = 0; i < count; i++) {
        struct hark_op *op = events[i].data.ptr;
        if (op->state == OP_WAITING)
            accept_waiting(loop, op, &left);
    }
}
