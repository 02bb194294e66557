/* accept_uring.c - connections answered once and closed, by hand on io_uring: a repeating accept;
 * send and close linked, and silent unless they fail.
 *
 *   accept_uring PORT */
#include "bench.h"
#include "ring.h"

enum { SIZE = 64, DESCRIPTORS = 32768 };
enum { ACCEPT, RECEIVE, IGNORED };

static struct ring ring;
static char bytes[DESCRIPTORS][SIZE];

static uint64_t tag(unsigned what, int fd)
{
    return (uint64_t)what << 32 | (uint32_t)fd;
}

static void received(int fd, int count)
{
    ring_room(&ring, 2);
    if (count > 0) {
        struct io_uring_sqe *sqe =
            ring_request(&ring, IORING_OP_SEND, fd, bytes[fd], (uint32_t)count, tag(IGNORED, fd));
        sqe->msg_flags = MSG_NOSIGNAL;
        sqe->flags = IOSQE_IO_HARDLINK | IOSQE_CQE_SKIP_SUCCESS;
    }
    ring_request(&ring, IORING_OP_CLOSE, fd, NULL, 0, tag(IGNORED, fd))->flags =
        IOSQE_CQE_SKIP_SUCCESS;
}

static void handle(const struct io_uring_cqe *cqe)
{
    if (cqe->user_data >> 32 == RECEIVE)
        received((int)(uint32_t)cqe->user_data, cqe->res);
    else if (cqe->user_data >> 32 == ACCEPT && cqe->res >= 0 && cqe->res < DESCRIPTORS)
        ring_request(&ring, IORING_OP_RECV, cqe->res, bytes[cqe->res], SIZE,
                     tag(RECEIVE, cqe->res));
}

int main(int argc, char **argv)
{
    int listener = listen_at(argc > 1 ? argv[1] : NULL);
    ring_open(&ring);
    struct io_uring_sqe *sqe =
        ring_request(&ring, IORING_OP_ACCEPT, listener, NULL, 0, tag(ACCEPT, listener));
    sqe->ioprio = IORING_ACCEPT_MULTISHOT;
    sqe->accept_flags = SOCK_CLOEXEC;
    for (;;) {
        ring_enter(&ring, 1);
        ring_handle(&ring, handle);
    }
}
