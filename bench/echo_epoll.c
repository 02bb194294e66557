/* echo_epoll.c - the echo server by hand on epoll, level-triggered, each event read and answered at
 * once. An answer that the socket has no room for is tried again at once: with what the load
 * generator keeps under way there is always room.
 *
 *   echo_epoll PORT */
#include "bench.h"

#include <errno.h>
#include <sys/epoll.h>

enum { BATCH = 256 };

static void answer(int fd)
{
    static char bytes[65536];
    ssize_t count = recv(fd, bytes, sizeof bytes, 0);
    ssize_t done = 0;
    if (count == 0 || (count < 0 && errno != EAGAIN)) {
        close(fd);
        return;
    }
    while (done < count) {
        ssize_t sent = send(fd, bytes + done, (size_t)(count - done), MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            return;
        done += sent > 0 ? sent : 0;
    }
}

int main(int argc, char **argv)
{
    answer_struct(argc, argv, 0); /* the descriptor is all that it needs to know */
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
                event.data.fd = fd;
                epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
            }
        }
    }
}
