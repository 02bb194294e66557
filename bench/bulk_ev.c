/* bulk_ev.c - bulk transfer on libev: a watcher a connection, calls until they would block.
 *
 *   bulk_ev PORT */
#include "bench.h"
#include "bulk.h"

#include <errno.h>
#include <ev.h>

struct session {
    ev_io watcher;
    uint64_t left;
    bool asked;
};

static void end(struct ev_loop *loop, struct session *session)
{
    ev_io_stop(loop, &session->watcher);
    close(session->watcher.fd);
    free(session);
}

/* Sends until the socket is full; ends once all is sent. */
static void writable(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct session *session = (struct session *)watcher;
    (void)events;
    while (session->left > 0) {
        size_t wanted = next_block(session->left);
        ssize_t count = send(watcher->fd, block, wanted, MSG_NOSIGNAL);
        if (count < 0 && errno == EAGAIN)
            return;
        session->left -= count > 0 ? (uint64_t)count : session->left;
        if (count > 0 && (size_t)count < wanted)
            return;
    }
    end(loop, session);
}

static void readable(struct ev_loop *loop, ev_io *watcher, int events)
{
    static char bytes[BLOCK_BYTES];
    struct session *session = (struct session *)watcher;
    (void)events;
    size_t wanted = session->asked ? sizeof bytes : HEADER_BYTES;
    ssize_t count = recv(watcher->fd, bytes, wanted, 0);
    if (count < 0 && errno == EAGAIN)
        return;
    if (count <= 0)
        return end(loop, session);
    if (session->asked)
        return;
    session->asked = true;
    session->left = wanted_by(bytes);
    if (session->left > 0) {
        ev_io_stop(loop, watcher);
        ev_set_cb(watcher, writable);
        ev_io_set(watcher, watcher->fd, EV_WRITE);
        ev_io_start(loop, watcher);
    }
}

static void acceptable(struct ev_loop *loop, ev_io *listener, int events)
{
    int fd;
    (void)events;
    while ((fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct session *session = calloc(1, sizeof *session);
        ev_io_init(&session->watcher, readable, fd, EV_READ);
        ev_io_start(loop, &session->watcher);
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
