/* accept_ev.c - connections answered once and closed, on libev.
 *
 *   accept_ev PORT */
#include "accept.h"
#include "bench.h"

#include <ev.h>

static void readable(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)events;
    if (!answer(watcher->fd))
        return;
    ev_io_stop(loop, watcher);
    close(watcher->fd);
    free(watcher);
}

static void acceptable(struct ev_loop *loop, ev_io *listener, int events)
{
    int fd;
    (void)events;
    while ((fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (answer(fd)) {
            close(fd);
            continue;
        }
        ev_io *watcher = malloc(sizeof *watcher);
        ev_io_init(watcher, readable, fd, EV_READ);
        ev_io_start(loop, watcher);
    }
}

int main(int argc, char **argv)
{
    struct ev_loop *loop = ev_default_loop(EVFLAG_AUTO);
    ev_io listener;
    ev_io_init(&listener, acceptable, listen_at(argc > 1 ? argv[1] : NULL), EV_READ);
    ev_io_start(loop, &listener);
    ev_run(loop, 0);
    return 0;
}
