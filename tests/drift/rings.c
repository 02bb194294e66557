/* rings.c - what came of each request of io_uring. The library's calls are led here by the linker
 * (tests/meson.build); whoever knows where a ring's memory is reads there what goes in, before the
 * kernel is entered, and what has come out, before and after.
 *
 * A number by which several requests go at once (user_data) says nothing of either. */
#include "drift/moved.h"
#include "drift/record.h"

#include "kernel/kernel.h"
#include "uring/ring.h"
#include <stdatomic.h>

enum { RINGS = 64, REQUESTS = 4096 };

struct request {
    uint64_t user_data;
    bool under_way, is_ambiguous;
    uint8_t opcode;
    int fd;
    uint64_t file;
    const char *kind;
    size_t wanted;
};

static struct ring_seen {
    bool is_open;
    int fd;
    uint64_t file;
    int registered; /* its number among its thread's; -1: none */
    uint64_t thread;
    struct io_uring_params params;
    char *queues;
    struct io_uring_sqe *sqes;
    unsigned sq_seen, cq_seen;
    struct request requests[REQUESTS];
} rings[RINGS];
static unsigned ring_count; /* so far: the newest are known, as whoever is killed tells nobody */

/* --- requests --- */

/* Those that have no descriptor, or of whose number it is not the file's. */
static bool has_descriptor(uint8_t opcode)
{
    switch (opcode) {
    case IORING_OP_READ:
    case IORING_OP_WRITE:
    case IORING_OP_READV:
    case IORING_OP_WRITEV:
    case IORING_OP_RECV:
    case IORING_OP_SEND:
    case IORING_OP_RECVMSG:
    case IORING_OP_SENDMSG:
    case IORING_OP_ACCEPT:
    case IORING_OP_CONNECT:
    case IORING_OP_SHUTDOWN:
    case IORING_OP_POLL_ADD:
    case IORING_OP_FSYNC:
    case IORING_OP_CLOSE:
    case IORING_OP_FALLOCATE:
    case IORING_OP_SPLICE: /* what it writes to */
    case IORING_OP_SEND_ZC:
        return true;
    default:
        return false;
    }
}

static const char *name_of(uint8_t opcode)
{
    static const char *const names[] = {
        [IORING_OP_NOP] = "NOP",
        [IORING_OP_READV] = "READV",
        [IORING_OP_WRITEV] = "WRITEV",
        [IORING_OP_FSYNC] = "FSYNC",
        [IORING_OP_POLL_ADD] = "POLL_ADD",
        [IORING_OP_POLL_REMOVE] = "POLL_REMOVE",
        [IORING_OP_SENDMSG] = "SENDMSG",
        [IORING_OP_RECVMSG] = "RECVMSG",
        [IORING_OP_TIMEOUT] = "TIMEOUT",
        [IORING_OP_ACCEPT] = "ACCEPT",
        [IORING_OP_ASYNC_CANCEL] = "ASYNC_CANCEL",
        [IORING_OP_CONNECT] = "CONNECT",
        [IORING_OP_FALLOCATE] = "FALLOCATE",
        [IORING_OP_OPENAT] = "OPENAT",
        [IORING_OP_OPENAT2] = "OPENAT2",
        [IORING_OP_CLOSE] = "CLOSE",
        [IORING_OP_STATX] = "STATX",
        [IORING_OP_READ] = "READ",
        [IORING_OP_WRITE] = "WRITE",
        [IORING_OP_SEND] = "SEND",
        [IORING_OP_RECV] = "RECV",
        [IORING_OP_SHUTDOWN] = "SHUTDOWN",
        [IORING_OP_RENAMEAT] = "RENAMEAT",
        [IORING_OP_UNLINKAT] = "UNLINKAT",
        [IORING_OP_MKDIRAT] = "MKDIRAT",
        [IORING_OP_SYMLINKAT] = "SYMLINKAT",
        [IORING_OP_LINKAT] = "LINKAT",
        [IORING_OP_MSG_RING] = "MSG_RING",
        [IORING_OP_FSETXATTR] = "FSETXATTR",
        [IORING_OP_SETXATTR] = "SETXATTR",
        [IORING_OP_FGETXATTR] = "FGETXATTR",
        [IORING_OP_GETXATTR] = "GETXATTR",
        [IORING_OP_SOCKET] = "SOCKET",
        [IORING_OP_SPLICE] = "SPLICE",
        [IORING_OP_SEND_ZC] = "SEND_ZC",
        [RING_OPCODE_WAITID] = "WAITID",
        [RING_OPCODE_FTRUNCATE] = "FTRUNCATE",
    };
    const char *name = opcode < sizeof names / sizeof *names ? names[opcode] : NULL;
    return name ? name : "another";
}

/* Of "in" and "out" of one socket is told what followed on what. */
static const char *way_of(uint8_t opcode)
{
    switch (opcode) {
    case IORING_OP_READ:
    case IORING_OP_READV:
    case IORING_OP_RECV:
    case IORING_OP_RECVMSG:
        return "ring in";
    case IORING_OP_WRITE:
    case IORING_OP_WRITEV:
    case IORING_OP_SEND:
    case IORING_OP_SENDMSG:
        return "ring out";
    case IORING_OP_CONNECT:
        return "ring connect";
    case IORING_OP_SHUTDOWN:
        return "ring shutdown";
    default:
        return NULL;
    }
}

/* 0: the kernel chooses the buffer, or it is no matter of bytes. */
static size_t wanted_by(const struct io_uring_sqe *sqe)
{
    const struct msghdr *message = (const void *)(uintptr_t)sqe->addr;
    if (sqe->flags & IOSQE_BUFFER_SELECT)
        return 0;
    switch (sqe->opcode) {
    case IORING_OP_READ:
    case IORING_OP_WRITE:
    case IORING_OP_RECV:
    case IORING_OP_SEND:
    case IORING_OP_SEND_ZC:
    case IORING_OP_SPLICE:
        return sqe->len;
    case IORING_OP_READV:
    case IORING_OP_WRITEV:
        return moved_bytes((const void *)(uintptr_t)sqe->addr, sqe->len);
    case IORING_OP_RECVMSG:
    case IORING_OP_SENDMSG:
        return moved_bytes(message->msg_iov, message->msg_iovlen);
    default:
        return 0;
    }
}

static struct request *find(struct ring_seen *ring, uint64_t user_data)
{
    for (size_t i = 0; i < REQUESTS; i++)
        if (ring->requests[i].under_way && ring->requests[i].user_data == user_data)
            return &ring->requests[i];
    return NULL;
}

static struct request *find_place(struct ring_seen *ring)
{
    for (size_t i = 0; i < REQUESTS; i++)
        if (!ring->requests[i].under_way)
            return &ring->requests[i];
    return NULL;
}

static void goes_in(struct ring_seen *ring, const struct io_uring_sqe *sqe)
{
    struct request *request = find(ring, sqe->user_data);
    if (request) {
        request->is_ambiguous = true;
        return;
    }
    request = find_place(ring);
    if (!request || sqe->flags & IOSQE_CQE_SKIP_SUCCESS)
        return;
    bool has = has_descriptor(sqe->opcode);
    *request = (struct request){
        .user_data = sqe->user_data,
        .under_way = true,
        .opcode = sqe->opcode,
        .fd = has ? sqe->fd : -1,
        .file = record_file(has ? sqe->fd : -1),
        .kind = record_kind(has ? sqe->fd : -1),
        .wanted = wanted_by(sqe),
    };
}

static void comes_out(struct ring_seen *ring, const struct io_uring_cqe *cqe)
{
    struct request *request = find(ring, cqe->user_data);
    if (!request)
        return;
    const char *outcome = moved_outcome(request->wanted, cqe->res);
    const char *way = way_of(request->opcode);
    bool goes_on = cqe->flags & IORING_CQE_F_MORE;
    request->under_way = goes_on;
    if (request->is_ambiguous)
        return;
    record_line("%s %s %s%s", name_of(request->opcode), request->kind, outcome,
                goes_on ? " more" : "");
    if (way)
        moved_note(request->kind, request->fd, request->file, way, outcome);
}

/* --- rings --- */

static _Atomic(unsigned) *number_at(const struct ring_seen *ring, unsigned offset)
{
    return (void *)(ring->queues + offset);
}

static void look_in(struct ring_seen *ring)
{
    unsigned tail =
        atomic_load_explicit(number_at(ring, ring->params.sq_off.tail), memory_order_acquire);
    for (; ring->sq_seen != tail; ring->sq_seen++)
        goes_in(ring, &ring->sqes[ring->sq_seen & (ring->params.sq_entries - 1)]);
}

static void look_out(struct ring_seen *ring)
{
    const struct io_uring_cqe *cqes = (const void *)(ring->queues + ring->params.cq_off.cqes);
    unsigned tail =
        atomic_load_explicit(number_at(ring, ring->params.cq_off.tail), memory_order_acquire);
    for (; ring->cq_seen != tail; ring->cq_seen++)
        comes_out(ring, &cqes[ring->cq_seen & (ring->params.cq_entries - 1)]);
}

static struct ring_seen *ring_of(int fd, bool is_registered)
{
    for (unsigned i = ring_count; i-- > 0 && ring_count - i <= RINGS;) {
        struct ring_seen *ring = &rings[i % RINGS];
        bool is_it = is_registered ? ring->registered == fd && ring->thread == record_thread()
                                   : ring->fd == fd && ring->file == record_file(fd);
        if (ring->is_open && ring->queues && ring->sqes && is_it)
            return ring;
    }
    return NULL;
}

int __real_kernel_io_uring_setup(uint64_t *calls, unsigned entries, struct io_uring_params *params);
int __wrap_kernel_io_uring_setup(uint64_t *calls, unsigned entries, struct io_uring_params *params);
int __wrap_kernel_io_uring_setup(uint64_t *calls, unsigned entries, struct io_uring_params *params)
{
    int fd = __real_kernel_io_uring_setup(calls, entries, params);
    if (fd < 0 || !record_is_on())
        return fd;
    record_lock();
    struct ring_seen *ring = &rings[ring_count++ % RINGS];
    memset(ring, 0, sizeof *ring);
    ring->is_open = true;
    ring->fd = fd;
    ring->file = record_file(fd);
    ring->registered = -1;
    ring->params = *params;
    record_unlock();
    return fd;
}

int __real_kernel_mmap(uint64_t *calls, size_t count, int flags, int fd, off_t offset,
                       void **out_memory);
int __wrap_kernel_mmap(uint64_t *calls, size_t count, int flags, int fd, off_t offset,
                       void **out_memory);
int __wrap_kernel_mmap(uint64_t *calls, size_t count, int flags, int fd, off_t offset,
                       void **out_memory)
{
    int error = __real_kernel_mmap(calls, count, flags, fd, offset, out_memory);
    for (size_t i = 0; fd >= 0 && !error && i < RINGS; i++) {
        struct ring_seen *ring = &rings[i];
        if (!ring->is_open || ring->fd != fd || (ring->queues && ring->sqes))
            continue;
        if (offset == (off_t)IORING_OFF_SQ_RING)
            ring->queues = *out_memory;
        else if (offset == (off_t)IORING_OFF_SQES)
            ring->sqes = *out_memory;
    }
    return error;
}

void __real_kernel_munmap(uint64_t *calls, void *memory, size_t count);
void __wrap_kernel_munmap(uint64_t *calls, void *memory, size_t count);
void __wrap_kernel_munmap(uint64_t *calls, void *memory, size_t count)
{
    for (size_t i = 0; i < RINGS; i++)
        if (rings[i].is_open && (rings[i].sqes == memory || rings[i].queues == memory))
            rings[i].is_open = false;
    __real_kernel_munmap(calls, memory, count);
}

int __real_kernel_io_uring_register(uint64_t *calls, int fd, unsigned operation, void *argument,
                                    unsigned count);
int __wrap_kernel_io_uring_register(uint64_t *calls, int fd, unsigned operation, void *argument,
                                    unsigned count);
int __wrap_kernel_io_uring_register(uint64_t *calls, int fd, unsigned operation, void *argument,
                                    unsigned count)
{
    struct ring_seen *ring = record_is_on() ? ring_of(fd, false) : NULL;
    int result = __real_kernel_io_uring_register(calls, fd, operation, argument, count);
    if (ring && result >= 0 && operation == IORING_REGISTER_RING_FDS) {
        ring->registered = (int)((const struct io_uring_rsrc_update *)argument)->offset;
        ring->thread = record_thread();
    }
    return result;
}

int __real_kernel_io_uring_enter(uint64_t *calls, int fd, unsigned submit, unsigned wait,
                                 unsigned flags, const void *argument, size_t count);
int __wrap_kernel_io_uring_enter(uint64_t *calls, int fd, unsigned submit, unsigned wait,
                                 unsigned flags, const void *argument, size_t count);
int __wrap_kernel_io_uring_enter(uint64_t *calls, int fd, unsigned submit, unsigned wait,
                                 unsigned flags, const void *argument, size_t count)
{
    struct ring_seen *ring =
        record_is_on() ? ring_of(fd, flags & IORING_ENTER_REGISTERED_RING) : NULL;
    if (ring) {
        look_out(ring);
        look_in(ring);
    }
    int result = __real_kernel_io_uring_enter(calls, fd, submit, wait, flags, argument, count);
    if (ring && ring->is_open)
        look_out(ring);
    return result;
}
