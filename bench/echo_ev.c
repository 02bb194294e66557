/* echo_ev.c - the echo server on libev: one watcher a connection, read and answered in its
 * callback. An answer that the socket has no room for is tried again at once: with what the load
 * generator keeps under way there is always room.
 *
 *   echo_ev PORT */
#include "bench.h"

#include <errno.h>
#include <ev.h>

static void readable(struct ev_loop *loop, ev_io *watcher, int events)
{
    static char bytes[65536];
    (void)events;
    ssize_t count = recv(watcher->fd, bytes, sizeof bytes, 0);
    if (count < 0 && errno == EAGAIN)
        return;
    ssize_t done = 0;
    while (done < count) {
        ssize_t sent = send(watcher->fd, bytes + done, (size_t)(count - done), MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            break;
        done += sent > 0 ? sent : 0;
    }
    if (count <= 0) {
        ev_io_stop(loop, watcher);
        close(watcher->fd);
        free(watcher);
    }
}

static void acceptable(struct ev_loop *loop, ev_io *listener, int events)
{
    (void)events;
    int fd;
    while ((fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        ev_io *watcher = malloc(sizeof *watcher);
        ev_io_init(watcher, readable, fd, EV_READ);
        ev_io_start(loop, watcher);
    }
}

int main(int argc, char **argv)
{
    answer_struct(argc, argv, sizeof(ev_io));
    struct ev_loop *loop = ev_default_loop(EVFLAG_AUTO);
    int fd = listen_at(argc > 1 ? argv[1] : NULL);
    ev_io listener;
    ev_io_init(&listener, acceptable, fd, EV_READ);
    ev_io_start(loop, &listener);
    ev_run(loop, 0);
    return 0;
}
