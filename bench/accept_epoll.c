/* accept_epoll.c - connections answered once and closed, by hand on epoll. The request has mostly come by the time that its
 * connection is accepted, so it is tried at once, and most connections never enter the set. Closing takes a descriptor out of the
 * set by itself.
 *
 *   accept_epoll PORT */
#include "bench.h"

#include <errno.h>
#include <sys/epoll.h>

enum { BATCH = 256 };

/* Gives: whether it is answered and closed; else nothing has come yet. */
static bool answer(int fd)
{
    char bytes[4096];
    ssize_t count = recv(fd, bytes, sizeof bytes, 0);
    if (count < 0 && errno == EAGAIN)
        return false;
    if (count > 0)
        send(fd, bytes, (size_t)count, MSG_NOSIGNAL);
    close(fd);
    return true;
}

int main(int argc, char **argv)
{
    int listener = listen_at(argc > 1 ? argv[1] : NULL);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        struct epoll_event events[BATCH];
        int count = epoll_wait(epoll, events, BATCH, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd != listener) {
                answer(events[i].data.fd);
                continue;
            }
            int fd;
            while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
                if (answer(fd))
                    continue;
                event.data.fd = fd;
                epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
            }
        }
    }
}
