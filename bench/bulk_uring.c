/* bulk_uring.c - bulk transfer by hand on io_uring: each receive and each send is of a whole block,
 * so that the kernel goes on by itself until it is done, and one system call asks for the next and
 * waits.
 *
 *   bulk_uring PORT */
#include "bench.h"
#include "bulk.h"
#include "ring.h"

enum { DESCRIPTORS = 1024 };
enum { ACCEPT, ASKED, RECEIVE, SEND, CLOSE };

static struct ring ring;
static char bytes[BLOCK_BYTES];
static uint64_t left[DESCRIPTORS]; /* to be sent, by descriptor */

static uint64_t tag(unsigned what, int fd)
{
    return (uint64_t)what << 32 | (uint32_t)fd;
}

static void receive(int fd, unsigned what, uint32_t count)
{
    ring_request(&ring, IORING_OP_RECV, fd, bytes, count, tag(what, fd))->msg_flags = MSG_WAITALL;
}

static void send_next(int fd)
{
    struct io_uring_sqe *sqe = ring_request(&ring, IORING_OP_SEND, fd, block,
                                            (uint32_t)next_block(left[fd]), tag(SEND, fd));
    sqe->msg_flags = MSG_WAITALL | MSG_NOSIGNAL;
}

static void end(int fd)
{
    ring_request(&ring, IORING_OP_CLOSE, fd, NULL, 0, tag(CLOSE, fd));
}

static void asked(int fd, int count)
{
    left[fd] = count == HEADER_BYTES ? wanted_by(bytes) : 0;
    if (count != HEADER_BYTES)
        end(fd);
    else if (left[fd] > 0)
        send_next(fd);
    else
        receive(fd, RECEIVE, sizeof bytes);
}

static void sent(int fd, int count)
{
    left[fd] -= count > 0 ? (uint64_t)count : left[fd];
    if (left[fd] > 0)
        send_next(fd);
    else
        end(fd);
}

static void handle(const struct io_uring_cqe *cqe)
{
    int fd = (int)(uint32_t)cqe->user_data;
    switch (cqe->user_data >> 32) {
    case ACCEPT:
        if (cqe->res >= 0 && cqe->res < DESCRIPTORS)
            receive(cqe->res, ASKED, HEADER_BYTES);
        break;
    case ASKED:
        asked(fd, cqe->res);
        break;
    case RECEIVE:
        if (cqe->res > 0)
            receive(fd, RECEIVE, sizeof bytes);
        else
            end(fd);
        break;
    case SEND:
        sent(fd, cqe->res);
        break;
    default:
        break;
    }
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
