/* echo_uring.c - the echo server by hand on io_uring: repeating accept and receives, a ring of
 * buffers, sends that leave with the wait. A buffer goes back to the ring when its send has ended.
 *
 *   echo_uring PORT
 *
 * ECHO_URING names what is tried besides: "direct", connections among the ring's own descriptors,
 * none among the process's; "min_wait", which lets several completions gather for up to 50
 * microseconds (Linux 6.12). */
#include "bench.h"
#include "ring.h"

#include <errno.h>
#include <stdbool.h>

enum { DESCRIPTORS = 32768, DIRECT_DESCRIPTORS = 16384, GATHERED = 16, GATHER_US = 50 };
enum { ACCEPT, RECEIVE, SEND, CLOSE };

/* What came in a buffer, by the buffer's number plus one. Pieces of one connection wait in their
 * order. */
struct piece {
    uint32_t count;
    uint16_t next; /* 0 none */
};

struct session {
    uint16_t first, last; /* pieces that are being sent, or wait for it; 0 none */
    uint16_t starved;     /* the next connection that found no buffer; 0 none */
};

static struct ring ring;
static struct piece pieces[RING_BUFFERS + 1];
static struct session sessions[DESCRIPTORS];
static unsigned buffers_free = RING_BUFFERS;
static uint8_t descriptor_flags; /* of each request on a connection */
static uint16_t starved;

static uint64_t tag(unsigned what, int fd)
{
    return (uint64_t)what << 32 | (uint32_t)fd;
}

static void receive(int fd)
{
    struct io_uring_sqe *sqe = ring_request(&ring, IORING_OP_RECV, fd, NULL, 0, tag(RECEIVE, fd));
    sqe->ioprio = IORING_RECV_MULTISHOT;
    sqe->flags = IOSQE_BUFFER_SELECT | descriptor_flags;
}

static void send_first(int fd)
{
    unsigned number = sessions[fd].first;
    struct io_uring_sqe *sqe =
        ring_request(&ring, IORING_OP_SEND, fd, ring_buffer(&ring, number - 1),
                     pieces[number].count, tag(SEND, fd));
    sqe->msg_flags = MSG_WAITALL | MSG_NOSIGNAL;
    sqe->flags = descriptor_flags;
}

static void shut(int fd)
{
    struct io_uring_sqe *sqe =
        ring_request(&ring, IORING_OP_CLOSE, descriptor_flags ? 0 : fd, NULL, 0, tag(CLOSE, fd));
    sqe->file_index = descriptor_flags ? (uint32_t)fd + 1 : 0;
}

static void received(int fd, const struct io_uring_cqe *cqe)
{
    struct session *session = &sessions[fd];
    if (cqe->res == -ENOBUFS) {
        session->starved = starved;
        starved = (uint16_t)fd;
        return;
    }
    if (cqe->res <= 0) {
        shut(fd);
        return;
    }
    uint16_t number = (uint16_t)((cqe->flags >> IORING_CQE_BUFFER_SHIFT) + 1);
    pieces[number] = (struct piece){.count = (uint32_t)cqe->res};
    buffers_free--;
    if (session->first) {
        pieces[session->last].next = number;
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
    ring_buffer_return(&ring, session->first - 1u);
    buffers_free++;
    session->first = pieces[session->first].next;
    if (session->first)
        send_first(fd);
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

/* As many of those that found no buffer as there are buffers now. */
static void feed_the_starved(void)
{
    for (unsigned i = 0; starved && i < buffers_free; i++) {
        int fd = starved;
        starved = sessions[fd].starved;
        receive(fd);
    }
}

int main(int argc, char **argv)
{
    answer_struct(argc, argv, sizeof(struct session));
    int fd = listen_at(argc > 1 ? argv[1] : NULL);
    ring_open(&ring);
    ring_buffers(&ring);
    const char *tried = getenv("ECHO_URING") ? getenv("ECHO_URING") : "";
    bool gather = strcmp(tried, "min_wait") == 0;
    if (strcmp(tried, "direct") == 0) {
        ring_descriptors(&ring, DIRECT_DESCRIPTORS);
        descriptor_flags = IOSQE_FIXED_FILE;
    }
    struct io_uring_sqe *sqe = ring_request(&ring, IORING_OP_ACCEPT, fd, NULL, 0, tag(ACCEPT, fd));
    sqe->ioprio = IORING_ACCEPT_MULTISHOT;
    sqe->accept_flags = descriptor_flags ? 0 : SOCK_CLOEXEC;
    sqe->file_index = descriptor_flags ? IORING_FILE_INDEX_ALLOC : 0;
    for (;;) {
        if (gather)
            ring_gather(&ring, GATHERED, GATHER_US);
        else
            ring_enter(&ring, 1);
        ring_handle(&ring, handle);
        feed_the_starved();
    }
}
