/* accept_uring.c - connections answered once and closed, by hand on io_uring: a repeating accept; send and close linked.
 *
 *   accept_uring PORT */
#include "bench.h"
#include "ring.h"

enum { SIZE = 64, DESCRIPTORS = 32768 };
enum { ACCEPT, RECEIVE, IGNORED };

static struct ring ring;
static char bytes[DESCRIPTORS][SIZE];

static struct io_uring_sqe *request(uint8_t opcode, unsigned what, int fd, uint32_t count)
{
    struct io_uring_sqe *sqe = ring_request(&ring, opcode, fd, (uint64_t)what << 32 | (uint32_t)fd);
    sqe->addr = count ? (uint64_t)(uintptr_t)bytes[fd] : 0;
    sqe->len = count;
    return sqe;
}

static void received(int fd, int count)
{
    /* Links hold within one submission only: make room for both first. */
    if (ring.tail - atomic_load(ring.sq_head) + 2 > RING_ENTRIES)
        ring_enter(&ring, 0);
    if (count > 0) {
        struct io_uring_sqe *sqe = request(IORING_OP_SEND, IGNORED, fd, (uint32_t)count);
        sqe->msg_flags = MSG_NOSIGNAL;
        sqe->flags = IOSQE_IO_HARDLINK;
    }
    request(IORING_OP_CLOSE, IGNORED, fd, 0);
}

int main(int argc, char **argv)
{
    int listener = listen_at(argc > 1 ? argv[1] : NULL);
    ring_open(&ring);
    struct io_uring_sqe *sqe = request(IORING_OP_ACCEPT, ACCEPT, listener, 0);
    sqe->ioprio = IORING_ACCEPT_MULTISHOT;
    sqe->accept_flags = SOCK_CLOEXEC;
    for (;;) {
        struct io_uring_cqe *cqe;
        ring_enter(&ring, 1);
        while ((cqe = ring_next(&ring)) != NULL) {
            if (cqe->user_data >> 32 == RECEIVE)
                received((int)(uint32_t)cqe->user_data, cqe->res);
            else if (cqe->user_data >> 32 == ACCEPT && cqe->res >= 0)
                request(IORING_OP_RECV, RECEIVE, cqe->res, SIZE);
            ring_seen(&ring);
        }
    }
}
