/* echo_uring.c - the echo server by hand on io_uring: repeating accept and receives, a ring of buffers, sends that leave with the
 * wait. A buffer goes back to the ring when its send has ended.
 *
 *   echo_uring PORT */
#include "bench.h"
#include "ring.h"

#include <errno.h>
#include <stdbool.h>

enum { DESCRIPTORS = 32768 };
enum { ACCEPT, RECEIVE, SEND, CLOSE };

struct piece {
    uint16_t buffer;
    uint16_t pieces_next; /* pieces of one connection wait in their order; 0 none */
    uint32_t count;
};

struct session {
    uint16_t first, last; /* buffer numbers plus one */
    bool waits_for_buffer;
};

static struct ring ring;
static struct piece pieces[RING_BUFFERS + 1]; /* by buffer number plus one: a buffer is in one queue at most */
static struct session sessions[DESCRIPTORS];
static bool starved;

static uint64_t tag(unsigned what, int fd)
{
    return (uint64_t)what << 32 | (uint32_t)fd;
}

static void receive(int fd)
{
    struct io_uring_sqe *sqe = ring_request(&ring, IORING_OP_RECV, fd, tag(RECEIVE, fd));
    sqe->ioprio = IORING_RECV_MULTISHOT;
    sqe->flags = IOSQE_BUFFER_SELECT;
}

static void send_first(int fd)
{
    struct piece *piece = &pieces[sessions[fd].first];
    struct io_uring_sqe *sqe = ring_request(&ring, IORING_OP_SEND, fd, tag(SEND, fd));
    sqe->addr = (uint64_t)(uintptr_t)(ring.bytes + (size_t)piece->buffer * RING_BUFFER_BYTES);
    sqe->len = piece->count;
    sqe->msg_flags = MSG_WAITALL | MSG_NOSIGNAL;
}

static void received(int fd, const struct io_uring_cqe *cqe)
{
    struct session *session = &sessions[fd];
    if (cqe->res == -ENOBUFS) {
        session->waits_for_buffer = starved = true;
        return;
    }
    if (cqe->res <= 0) {
        ring_request(&ring, IORING_OP_CLOSE, fd, tag(CLOSE, fd));
        return;
    }
    uint16_t number = (uint16_t)((cqe->flags >> IORING_CQE_BUFFER_SHIFT) + 1);
    pieces[number] = (struct piece){.buffer = (uint16_t)(number - 1), .count = (uint32_t)cqe->res};
    if (session->first) {
        pieces[session->last].pieces_next = number;
    } else {
        session->first = number;
        send_first(fd);
    }
    session->last = number;
    if (!(cqe->flags & IORING_CQE_F_MORE))
        receive(fd);
}

static void sent(int fd)
{
    struct session *session = &sessions[fd];
    ring_buffer_return(&ring, pieces[session->first].buffer);
    session->first = pieces[session->first].pieces_next;
    if (session->first)
        send_first(fd);
}

static void feed_the_starved(void)
{
    starved = false;
    for (int fd = 0; fd < DESCRIPTORS; fd++) {
        if (sessions[fd].waits_for_buffer) {
            sessions[fd].waits_for_buffer = false;
            receive(fd);
        }
    }
}

static void handle(const struct io_uring_cqe *cqe)
{
    int fd = (int)(uint32_t)cqe->user_data;
    switch (cqe->user_data >> 32) {
    case ACCEPT:
        if (cqe->res >= 0 && cqe->res < DESCRIPTORS) {
            sessions[cqe->res] = (struct session){0};
            receive(cqe->res);
        }
        break;
    case RECEIVE:
        received(fd, cqe);
        break;
    case SEND:
        sent(fd);
        break;
    default:
        break;
    }
}

int main(int argc, char **argv)
{
    int fd = listen_at(argc > 1 ? argv[1] : NULL);
    ring_open(&ring);
    ring_buffers(&ring);
    struct io_uring_sqe *sqe = ring_request(&ring, IORING_OP_ACCEPT, fd, tag(ACCEPT, fd));
    sqe->ioprio = IORING_ACCEPT_MULTISHOT;
    sqe->accept_flags = SOCK_CLOEXEC;
    for (;;) {
        struct io_uring_cqe *cqe;
        ring_enter(&ring, 1);
        while ((cqe = ring_next(&ring)) != NULL) {
            handle(cqe);
            ring_seen(&ring);
        }
        if (starved)
            feed_the_starved();
    }
}
