/* echo_hark_polls.c - the echo server as readiness: libhark says when a connection has something,
 * and the program itself reads and answers at once, as it would on libev. So do libraries that
 * bring their own sockets. An answer that the socket has no room for is tried again at once: with
 * what the load generator keeps under way there is always room.
 *
 *   echo_hark_polls PORT     (HARK_BACKEND chooses the backend) */
#include "bench.h"

#include <errno.h>
#include <hark.h>

static void closed(struct hark_op *op, int64_t result)
{
    (void)result;
    free(op);
}

static void readable(struct hark_op *op, int64_t events)
{
    static char bytes[65536];
    if (events < 0)
        return hark_close(op->loop, op, op->fd, closed);
    ssize_t count = recv(op->fd, bytes, sizeof bytes, 0);
    if (count < 0 && errno == EAGAIN)
        return;
    ssize_t done = 0;
    while (done < count) {
        ssize_t sent = send(op->fd, bytes + done, (size_t)(count - done), MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            break;
        done += sent > 0 ? sent : 0;
    }
    if (count <= 0)
        hark_cancel(op);
}

static void acceptable(struct hark_op *op, int64_t events)
{
    int fd;
    while (events > 0 && (fd = accept4(op->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct hark_op *poll = calloc(1, sizeof *poll);
        hark_poll_each(op->loop, poll, fd, HARK_POLL_READABLE, readable);
    }
}

int main(int argc, char **argv)
{
    answer_struct(argc, argv, sizeof(struct hark_op));
    struct hark_loop *loop;
    struct hark_op listening = {0};
    if (hark_loop_create(NULL, &loop) < 0)
        return 1;
    int fd = listen_at(argc > 1 ? argv[1] : NULL);
    hark_poll_each(loop, &listening, fd, HARK_POLL_READABLE, acceptable);
    fprintf(stderr, "%s\n", hark_loop_backend(loop));
    return hark_run(loop) < 0;
}
