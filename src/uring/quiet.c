/* quiet.c - waiting for events where io_uring would not wait.
 *
 * Its poll adds POLLRDHUP to whatever is asked (IO_POLL_UNMASK, up to Linux 6.18 at least). Once the peer has shut down its side,
 * a poll for room to write on a full socket, or for a hang-up, then completes at once, for ever. epoll adds POLLERR and POLLHUP
 * alone: so such ops wait on one epoll descriptor of the loop, which the ring polls. It is made with the loop: a peer that ends
 * its side must not cost a descriptor.
 *
 * What must hold: a number is registered while its row has an op with OP_QUIET, for the events of all of these. */
#include "uring/uring.h"

#include <errno.h>
#include <sys/epoll.h>

enum { REPORTS_MAX = 32 };

/* What the quiet ops of a number wait for. */
static uint32_t events_of_row(const struct descriptor *row)
{
    uint32_t events = 0;
    for (const struct hark_op *op = row->ops; op; op = op->next)
        if (op->spare & OP_QUIET)
            events |= uring_poll_events(op);
    return events;
}

static int control(struct hark_loop *loop, int operation, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    loop->metrics.system_calls++;
    return epoll_ctl(uring_of(loop)->quiet_fd, operation, fd, &event) < 0 ? -errno : 0;
}

int uring_quieten(struct hark_loop *loop, struct hark_op *op)
{
    const struct descriptor *row = descriptors_row(&loop->descriptors, op->fd);
    uint32_t others = events_of_row(row);
    int error = control(loop, others ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, op->fd, others | uring_poll_events(op));
    if (error == -ENOENT) /* another library has closed the number, and it came again */
        error = control(loop, EPOLL_CTL_ADD, op->fd, others | uring_poll_events(op));
    if (error == -EEXIST)
        error = control(loop, EPOLL_CTL_MOD, op->fd, others | uring_poll_events(op));
    if (error)
        return error;
    op->spare |= OP_QUIET;
    uring_of(loop)->quiet_count++;
    return 0;
}

/* A number that was closed behind the loop's back is registered no more: the errors say so. */
void uring_unquieten(struct hark_loop *loop, struct hark_op *op)
{
    op->spare &= ~(uint32_t)OP_QUIET;
    uring_of(loop)->quiet_count--;
    uint32_t others = events_of_row(descriptors_row(&loop->descriptors, op->fd));
    (void)control(loop, others ? EPOLL_CTL_MOD : EPOLL_CTL_DEL, op->fd, others);
}

static struct hark_op *find_reported(const struct descriptor *row, uint32_t reported)
{
    for (struct hark_op *op = row->ops; op; op = op->next)
        if (op->spare & OP_QUIET && reported & (uring_poll_events(op) | EPOLLERR | EPOLLHUP))
            return op;
    return NULL;
}

void uring_look_behind_quiet(struct hark_loop *loop, uring_quiet_report *report)
{
    struct epoll_event events[REPORTS_MAX];
    loop->metrics.system_calls++;
    int count = epoll_wait(uring_of(loop)->quiet_fd, events, REPORTS_MAX, 0);
    for (int i = 0; i < count; i++) {
        struct hark_op *op;
        /* Looked for anew after each: a callback may end the others, and the table may move. */
        while ((op = find_reported(descriptors_row(&loop->descriptors, events[i].data.fd), events[i].events)) != NULL) {
            uring_unquieten(loop, op);
            report(loop, op, events[i].events & (uring_poll_events(op) | EPOLLERR | EPOLLHUP));
        }
    }
}
