/* io_uring_echo.c - an echo server over liburing: the rings, and nothing else. */
#include <liburing.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- the server --- */
struct peer {
    int fd;
    int count; /* bytes to be sent; 0: it receives */
    int sent;
    char bytes[16384];
};

static struct io_uring ring;

static struct io_uring_sqe *entry(void *whose)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
    while (!sqe) { /* the queue is full: hand it over, and try again */
        io_uring_submit(&ring);
        sqe = io_uring_get_sqe(&ring);
    }
    io_uring_sqe_set_data(sqe, whose);
    return sqe;
}

static void receive(struct peer *peer)
{
    struct io_uring_sqe *sqe = entry(peer);
    peer->count = peer->sent = 0;
    io_uring_prep_recv(sqe, peer->fd, peer->bytes, sizeof peer->bytes, 0);
    io_uring_sqe_set_data(sqe, peer);
}

static void answer(struct peer *peer)
{
    struct io_uring_sqe *sqe = entry(peer);
    io_uring_prep_send(sqe, peer->fd, peer->bytes + peer->sent, (size_t)(peer->count - peer->sent),
                       MSG_NOSIGNAL);
    io_uring_sqe_set_data(sqe, peer);
}

static void done(struct peer *peer, int result)
{
    if (result <= 0) {
        close(peer->fd);
        free(peer);
    } else if (!peer->count) {
        peer->count = result;
        answer(peer);
    } else if ((peer->sent += result) < peer->count) {
        answer(peer);
    } else {
        receive(peer);
    }
}

static void listen_on(int fd)
{
    struct io_uring_sqe *sqe = entry(NULL);
    io_uring_prep_accept(sqe, fd, NULL, NULL, SOCK_CLOEXEC);
    io_uring_sqe_set_data(sqe, NULL);
}

static void came(int fd, int result)
{
    struct peer *peer = result < 0 ? NULL : calloc(1, sizeof *peer);
    if (peer) {
        peer->fd = result;
        receive(peer);
    } else if (result >= 0) {
        close(result);
    }
    listen_on(fd);
}

static void run(int fd)
{
    struct io_uring_cqe *cqe;
    listen_on(fd);
    while (io_uring_submit_and_wait(&ring, 1) >= 0)
        while (io_uring_peek_cqe(&ring, &cqe) == 0) {
            struct peer *peer = io_uring_cqe_get_data(cqe);
            int result = cqe->res;
            io_uring_cqe_seen(&ring, cqe);
            if (peer)
                done(peer, result);
            else
                came(fd, result);
        }
}
/* --- so far --- */

int main(void)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, SOMAXCONN) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) < 0)
        return 1;
    if (io_uring_queue_init(256, &ring, 0) < 0)
        return 77; /* refused here */
    printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    run(fd);
    return 1;
}
