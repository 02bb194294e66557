/* edges.c - descriptors of a level-triggered poller that would be reported without an end. A socket
 * whose queue of errors nobody has read (MSG_ERRQUEUE, recv(2)) is an error for poll(2) until
 * somebody does, whatever is asked for, though a read of it would block. Such a one goes to an
 * epoll descriptor, which tells it once, and which the poller watches in its stead. */
#include "ready/ready.h"

enum { BATCH = 32 }; /* what is left is told after the next wait */

static int open_edges(struct ready *ready)
{
    if (ready->edges != EDGES_NONE)
        return 0;
    int fd = kernel_epoll_create1(calls_of(ready->loop), EPOLL_CLOEXEC);
    if (fd < 0)
        return fd;
    int error = fd < ready->poller->limit ? ready->poller->watch(ready, fd, 0, READY_IN) : -ERANGE;
    if (error)
        kernel_close(NULL, fd);
    else
        ready->edges = fd;
    return error;
}

static int set(struct ready *ready, int operation, int fd)
{
    struct epoll_event event = {.events = READY_ALL | EPOLLET, .data.fd = fd};
    ready->loop->metrics.registrations++;
    return kernel_epoll_ctl(calls_of(ready->loop), ready->edges, operation, fd, &event);
}

int edges_watch(struct ready *ready, int fd, uint32_t before, uint32_t events)
{
    if (!(events & READY_EDGE)) {
        (void)set(ready, EPOLL_CTL_DEL, fd); /* it may be gone by itself, with its file */
        return 0;
    }
    int error = open_edges(ready);
    if (!error)
        error = set(ready, EPOLL_CTL_ADD, fd);
    if (error == -EEXIST) /* of a file that had the number before, and lives on in a copy */
        error = set(ready, EPOLL_CTL_MOD, fd);
    if (!error && before)
        (void)ready->poller->watch(ready, fd, before, 0);
    return error;
}

void edges_report(struct ready *ready)
{
    struct epoll_event told[BATCH];
    int count = kernel_epoll_wait(calls_of(ready->loop), ready->edges, told, BATCH, 0);
    for (int i = 0; i < count; i++)
        ready_report(ready, told[i].data.fd, told[i].events);
}

void edges_close(struct ready *ready)
{
    if (ready->edges != EDGES_NONE)
        kernel_close(NULL, ready->edges);
}
