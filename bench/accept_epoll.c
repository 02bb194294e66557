/* accept_epoll.c - connections answered once and closed, by hand on epoll. Closing takes a
 * descriptor out of the set by itself.
 *
 *   accept_epoll PORT */
#include "accept.h"
#include "bench.h"

#include <sys/epoll.h>

enum { BATCH = 256 };

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
            int fd = events[i].data.fd;
            if (fd != listener) {
                if (answer(fd))
                    close(fd);
                continue;
            }
            while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
                if (answer(fd)) {
                    close(fd);
                    continue;
                }
                event.data.fd = fd;
                epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
            }
        }
    }
}
