/* accept.c - repeating accepts without a request that holds the listening socket.
 *
 * The kernel lets a ring's requests go some time after its process has ended (seen: 8 to 30 ms),
 * and with them the files that they hold: a listening socket would go on taking connections that
 * nobody accepts, and keep its port from whoever comes next. So listening sockets are watched as
 * polls are (watch.c): an epoll descriptor holds none of its files.
 *
 * Left to the ring: one accept at a time, a socket that blocks, and what the epoll does not
 * take. */
#include "uring/accept.h"
#include "core/call.h"
#include "core/row.h"
#include "uring/datagrams.h"
#include "uring/watch.h"

bool accept_can_watch(struct hark_loop *loop, const struct hark_op *op)
{
    int listens = 0;
    socklen_t length = sizeof listens;
    if (op->code != HARK_OP_ACCEPT_EACH)
        return false;
    int error =
        kernel_getsockopt(calls_of(loop), op->fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length);
    return error == 0 && listens && kernel_fcntl(calls_of(loop), op->fd, F_GETFL, 0) & O_NONBLOCK;
}

static int accept_one(struct hark_loop *loop, int listening)
{
    int fd;
    do
        fd = kernel_accept4(calls_of(loop), listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    while (fd == -ECONNABORTED);
    return fd;
}

static bool shall_go_on(struct hark_loop *loop, const struct hark_op *op)
{
    return !(op->marks & (MARK_CANCELLED | MARK_EXPIRED)) && !loop_should_stop(loop);
}

/* What is left when the share is used up is reported again. */
void accept_waiting(struct hark_loop *loop, struct hark_op *op)
{
    op->state = OP_CALLING;
    uint32_t *left = &uring_of(loop)->accepts_left;
    for (; *left > 0 && shall_go_on(loop, op); --*left) {
        int fd = accept_one(loop, op->fd);
        if (fd == -EAGAIN)
            break;
        if (fd < 0) {
            watch_end(loop, op);
            return call_final(loop, op, fd);
        }
        row_forget(loop, fd);
        datagrams_note_socket(loop, fd, SOCK_STREAM);
        call_more(loop, op, fd);
    }
    if (op->marks & (MARK_CANCELLED | MARK_EXPIRED)) {
        watch_end(loop, op);
        return call_continue(loop, op);
    }
    op->state = OP_WAITING;
}
