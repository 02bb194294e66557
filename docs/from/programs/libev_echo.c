/* libev_echo.c - an echo server: libev tells what is ready, all else is the program's. */
#include <errno.h>
#include <ev.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- the server --- */
struct peer {
    ev_io io; /* reads while nothing waits to be sent, else writes */
    size_t from, to;
    char bytes[16384];
};

static void turn_to(struct ev_loop *loop, struct peer *peer, int events)
{
    ev_io_stop(loop, &peer->io);
    ev_io_set(&peer->io, peer->io.fd, events);
    ev_io_start(loop, &peer->io);
}

static void ready(struct ev_loop *loop, ev_io *io, int events)
{
    struct peer *peer = (struct peer *)io;
    ssize_t count;

    if (events & EV_READ) {
        count = recv(io->fd, peer->bytes, sizeof peer->bytes, 0);
        peer->from = 0;
        peer->to = count > 0 ? (size_t)count : 0;
    } else {
        count = send(io->fd, peer->bytes + peer->from, peer->to - peer->from, MSG_NOSIGNAL);
        peer->from += count > 0 ? (size_t)count : 0;
    }
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) {
        ev_io_stop(loop, io); /* before the close: else the number's next owner is met */
        close(io->fd);
        free(peer);
    } else if (peer->from < peer->to) {
        turn_to(loop, peer, EV_WRITE);
    } else {
        turn_to(loop, peer, EV_READ);
    }
}

static void came(struct ev_loop *loop, ev_io *io, int events)
{
    int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct peer *peer = fd < 0 ? NULL : calloc(1, sizeof *peer);
    (void)events;
    if (peer) {
        ev_io_init(&peer->io, ready, fd, EV_READ);
        ev_io_start(loop, &peer->io);
    } else if (fd >= 0) {
        close(fd);
    }
}
/* --- so far --- */

int main(void)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ev_io io;

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, SOMAXCONN) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) < 0)
        return 1;
    printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    ev_io_init(&io, came, fd, EV_READ);
    ev_io_start(EV_DEFAULT, &io);
    ev_run(EV_DEFAULT, 0);
    return 0;
}
