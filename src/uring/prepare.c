/* prepare.c - an op as a submission entry: one case for each, as io_uring_enter(2) describes its
 * fields. */
#include "uring/prepare.h"
#include "core/message.h"
#include "core/pair.h"

#include "hark/poll.h"
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/socket.h>

/* The kernel moves at most this much in one call, whatever is asked (read(2)). */
static uint32_t length(size_t count)
{
    const size_t most = 0x7ffff000;
    return (uint32_t)(count < most ? count : most);
}

static void prepare_io(struct io_uring_sqe *sqe, const struct hark_op *op, uint8_t opcode)
{
    sqe->opcode = opcode;
    sqe->addr = (uint64_t)(uintptr_t)op->with.io.bytes;
    sqe->len = length(op->with.io.count);
    sqe->off = (uint64_t)op->with.io.offset;
}

static void prepare_socket_io(struct io_uring_sqe *sqe, const struct hark_op *op, uint8_t opcode)
{
    sqe->opcode = opcode;
    sqe->addr = (uint64_t)(uintptr_t)op->with.io.bytes;
    sqe->len = length(op->with.io.count);
    sqe->msg_flags = (uint32_t)op->with.io.flags;
}

/* Left to itself the kernel waits for room and tries again; after a unix socket's full receiver it
 * would then send an empty datagram (Linux 6.18: the bytes' iterator has moved on). With EAGAIN the
 * op polls, and is requested anew. With MSG_WAITALL, which is for streams, the kernel does go on by
 * itself. */
static void prepare_send(struct io_uring_sqe *sqe, const struct hark_op *op, uint8_t opcode)
{
    prepare_socket_io(sqe, op, opcode);
    if (!(op->with.io.flags & MSG_WAITALL))
        sqe->msg_flags |= MSG_DONTWAIT;
}

static void prepare_send_zc(const struct uring *uring, struct io_uring_sqe *sqe,
                            const struct hark_op *op)
{
    bool copies = op->backend_bits & OP_COPIES || !uring_uses(uring, URING_SEND_ZC);
    prepare_send(sqe, op, copies ? IORING_OP_SEND : IORING_OP_SEND_ZC);
}

static void prepare_accept(const struct uring *uring, struct io_uring_sqe *sqe,
                           const struct hark_op *op)
{
    sqe->opcode = IORING_OP_ACCEPT;
    sqe->addr = (uint64_t)(uintptr_t)op->with.address.name;
    sqe->addr2 = (uint64_t)(uintptr_t)op->with.address.length;
    sqe->accept_flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
    if (op->code == HARK_OP_ACCEPT_EACH && uring_uses(uring, URING_ACCEPT_MULTISHOT))
        sqe->ioprio = IORING_ACCEPT_MULTISHOT;
}

/* The whole length of a datagram is told, also where the buffer is shorter. */
static uint32_t datagram_flags(const struct hark_op *op)
{
    return unlikely(op->backend_bits & OP_DATAGRAMS) ? MSG_TRUNC : 0;
}

static void prepare_recv_each(const struct uring *uring, struct io_uring_sqe *sqe,
                              const struct hark_op *op)
{
    sqe->opcode = IORING_OP_RECV;
    if (unlikely(op->backend_bits & OP_FED)) {
        sqe->addr = (uint64_t)(uintptr_t)op->with.io.bytes;
        sqe->len = op->loop->buffers.bytes;
        sqe->msg_flags = MSG_DONTWAIT | datagram_flags(op);
        return;
    }
    sqe->flags = IOSQE_BUFFER_SELECT;
    sqe->msg_flags = datagram_flags(op);
    sqe->buf_group = 0;
    if (uring_uses(uring, URING_RECV_MULTISHOT))
        sqe->ioprio = IORING_RECV_MULTISHOT;
}

/* One that is fed has a buffer, and receives by a call once its completion comes. It stands apart
 * since it calls: in place, prepare_entry would save two registers and align its stack for every
 * request (gcc 12 on x86-64). */
__attribute__((noinline)) static void prepare_recvmsg_each(struct io_uring_sqe *sqe,
                                                           const struct hark_op *op)
{
    if (op->backend_bits & OP_FED) {
        sqe->opcode = IORING_OP_NOP;
        return;
    }
    if (op->backend_bits & OP_BY_CALL) { /* it peeks: a byte that nobody looks at */
        static char nowhere;
        sqe->opcode = IORING_OP_RECV;
        sqe->addr = (uint64_t)(uintptr_t)&nowhere;
        sqe->len = 1;
        sqe->msg_flags = MSG_PEEK;
        return;
    }
    sqe->opcode = IORING_OP_RECVMSG;
    sqe->addr = (uint64_t)(uintptr_t)message_request(op);
    sqe->len = 1;
    sqe->flags = IOSQE_BUFFER_SELECT;
    sqe->msg_flags = MSG_CMSG_CLOEXEC | datagram_flags(op);
    sqe->buf_group = 0;
    sqe->ioprio = IORING_RECV_MULTISHOT;
}

static void prepare_path(struct io_uring_sqe *sqe, const struct hark_op *op, uint8_t opcode)
{
    sqe->opcode = opcode;
    sqe->addr = (uint64_t)(uintptr_t)op->with.path.from;
    sqe->len = op->with.path.mode;
    sqe->open_flags = (uint32_t)op->with.path.flags; /* the same place for every op's flags */
}

/* What is done with a name, or two. */
static void prepare_name(struct io_uring_sqe *sqe, const struct hark_op *op)
{
    switch (op->code) {
    case HARK_OP_STATX:
        prepare_path(sqe, op, IORING_OP_STATX);
        sqe->off = (uint64_t)(uintptr_t)op->with.path.status;
        break;
    case HARK_OP_RENAMEAT:
        prepare_path(sqe, op, IORING_OP_RENAMEAT);
        sqe->addr2 = (uint64_t)(uintptr_t)op->with.path.to;
        break;
    case HARK_OP_UNLINKAT:
        prepare_path(sqe, op, IORING_OP_UNLINKAT);
        sqe->len = 0;
        break;
    case HARK_OP_MKDIRAT:
        prepare_path(sqe, op, IORING_OP_MKDIRAT);
        sqe->open_flags = 0;
        break;
    case HARK_OP_SYMLINKAT:
        sqe->opcode = IORING_OP_SYMLINKAT;
        sqe->addr = (uint64_t)(uintptr_t)op->with.path.to;
        sqe->addr2 = (uint64_t)(uintptr_t)op->with.path.from;
        break;
    case HARK_OP_LINKAT:
        prepare_path(sqe, op, IORING_OP_LINKAT);
        sqe->addr2 = (uint64_t)(uintptr_t)op->with.path.to;
        break;
    default:
        check(false);
    }
}

/* By a path, or of a descriptor: uring.c has seen that it is one of both. */
static void prepare_attribute(struct io_uring_sqe *sqe, const struct hark_op *op, uint8_t by_path,
                              uint8_t of_descriptor)
{
    bool has_path = !(op->with.attribute.flags & AT_EMPTY_PATH);
    sqe->opcode = has_path ? by_path : of_descriptor;
    sqe->addr = (uint64_t)(uintptr_t)op->with.attribute.name;
    sqe->addr2 = (uint64_t)(uintptr_t)op->with.attribute.value;
    sqe->addr3 = has_path ? (uint64_t)(uintptr_t)op->with.attribute.path : 0;
    sqe->len = op->with.attribute.size;
    sqe->xattr_flags = (uint32_t)(op->with.attribute.flags & ~AT_EMPTY_PATH);
}

_Static_assert(sizeof(struct open_how) == sizeof(((union hark_op_arguments *)0)->open) -
                                              offsetof(union hark_op_arguments, open.flags),
               "an op holds it");

static void prepare_open(struct io_uring_sqe *sqe, const struct hark_op *op)
{
    sqe->opcode = IORING_OP_OPENAT;
    sqe->addr = (uint64_t)(uintptr_t)op->with.open.path;
    if (op->with.open.resolve) {
        sqe->opcode = IORING_OP_OPENAT2;
        sqe->len = sizeof(struct open_how);
        sqe->off = (uint64_t)(uintptr_t)&op->with.open.flags;
        return;
    }
    sqe->len = (uint32_t)op->with.open.mode;
    sqe->open_flags = (uint32_t)op->with.open.flags;
}

static void prepare_socket(struct io_uring_sqe *sqe, const struct hark_op *op)
{
    sqe->opcode = IORING_OP_SOCKET;
    sqe->fd = op->with.socket.family;
    sqe->off = (uint32_t)op->with.socket.type;
    sqe->len = (uint32_t)op->with.socket.protocol;
}

static void prepare_sync(struct io_uring_sqe *sqe, const struct hark_op *op)
{
    sqe->opcode = IORING_OP_FSYNC;
    sqe->fsync_flags = op->code == HARK_OP_FDATASYNC ? IORING_FSYNC_DATASYNC : 0;
}

static void prepare_range(struct io_uring_sqe *sqe, const struct hark_op *op)
{
    if (op->code == HARK_OP_FTRUNCATE) {
        sqe->opcode = RING_OPCODE_FTRUNCATE;
        sqe->off = (uint64_t)op->with.range.count;
        return;
    }
    sqe->opcode = IORING_OP_FALLOCATE;
    sqe->off = (uint64_t)op->with.range.offset;
    sqe->addr = (uint64_t)op->with.range.count;
    sqe->len = (uint32_t)op->with.range.mode;
}

static void prepare_poll(struct io_uring_sqe *sqe, uint32_t events)
{
    /* io_uring's poll passes over wake-ups that bring nothing but POLLPRI (io_poll_wake, up to
     * Linux 6.18 at least). Those of sockets bring POLLRDBAND as well: asking for it lets them
     * through; the completion masks it out again. */
    const uint32_t read_band = 0x80;
    if (events & HARK_POLL_EXCEPTIONAL)
        events |= read_band;
    sqe->opcode = IORING_OP_POLL_ADD;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    events = events << 16 | events >> 16;
#endif
    sqe->poll32_events = events;
}

static void prepare_splice(struct io_uring_sqe *sqe, const struct hark_op *op)
{
    const uint64_t position = UINT64_MAX, offset = (uint64_t)op->with.splice.offset;
    sqe->opcode = IORING_OP_SPLICE;
    sqe->fd = pair_target(op);
    sqe->splice_fd_in = pair_source(op);
    sqe->splice_off_in = op->with.splice.offset_is_of_target ? position : offset;
    sqe->off = op->with.splice.offset_is_of_target ? offset : position;
    sqe->len = op->with.splice.count;
    sqe->splice_flags = op->with.splice.flags | SPLICE_F_NONBLOCK;
}

/* io_waitid_prep: the kind of id, its options, where to put what it finds. */
static void prepare_waitid(struct io_uring_sqe *sqe, const struct hark_op *op)
{
    const uint32_t by_pidfd = 3; /* P_PIDFD */
    sqe->opcode = RING_OPCODE_WAITID;
    sqe->len = by_pidfd;
    sqe->file_index = WEXITED | __WALL;
    sqe->addr2 = (uint64_t)(uintptr_t)op->with.io.bytes;
}

uint32_t prepare_events_of(const struct hark_op *op)
{
    if (op->code == HARK_OP_POLL || op->code == HARK_OP_POLL_EACH)
        return op->with.poll.events;
    bool writes = op->code == HARK_OP_WRITE || op->code == HARK_OP_WRITEV ||
                  op->code == HARK_OP_SEND || op->code == HARK_OP_SENDMSG ||
                  op->code == HARK_OP_SEND_ZC ||
                  (op->code == HARK_OP_SPLICE && op->with.splice.at_target);
    return writes ? HARK_POLL_WRITABLE : HARK_POLL_READABLE;
}

static void prepare(const struct uring *uring, struct io_uring_sqe *sqe, const struct hark_op *op)
{
    switch ((enum hark_op_code)op->code) {
    case HARK_OP_NOP:
        sqe->opcode = IORING_OP_NOP;
        break;
    case HARK_OP_ACCEPT:
    case HARK_OP_ACCEPT_EACH:
        prepare_accept(uring, sqe, op);
        break;
    case HARK_OP_CONNECT:
        sqe->opcode = IORING_OP_CONNECT;
        sqe->addr = (uint64_t)(uintptr_t)op->with.address.name;
        sqe->off = op->with.address.count;
        break;
    case HARK_OP_RECV:
        prepare_socket_io(sqe, op, IORING_OP_RECV);
        break;
    case HARK_OP_RECV_EACH:
        prepare_recv_each(uring, sqe, op);
        break;
    case HARK_OP_SEND:
        prepare_send(sqe, op, IORING_OP_SEND);
        break;
    case HARK_OP_SEND_ZC:
        prepare_send_zc(uring, sqe, op);
        break;
    case HARK_OP_RECVMSG:
        prepare_socket_io(sqe, op, IORING_OP_RECVMSG);
        break;
    case HARK_OP_RECVMSG_EACH:
        prepare_recvmsg_each(sqe, op);
        break;
    case HARK_OP_SENDMSG:
        prepare_send(sqe, op, IORING_OP_SENDMSG);
        break;
    case HARK_OP_SHUTDOWN:
        sqe->opcode = IORING_OP_SHUTDOWN;
        sqe->len = (uint32_t)op->with.io.flags;
        break;
    case HARK_OP_SOCKET:
        prepare_socket(sqe, op);
        break;
    case HARK_OP_READ:
        prepare_io(sqe, op, IORING_OP_READ);
        break;
    case HARK_OP_WRITE:
        prepare_io(sqe, op, IORING_OP_WRITE);
        break;
    case HARK_OP_READV:
        prepare_io(sqe, op, IORING_OP_READV);
        break;
    case HARK_OP_WRITEV:
        prepare_io(sqe, op, IORING_OP_WRITEV);
        break;
    case HARK_OP_OPENAT:
        prepare_open(sqe, op);
        break;
    case HARK_OP_CLOSE:
        sqe->opcode = IORING_OP_CLOSE;
        break;
    case HARK_OP_FSYNC:
    case HARK_OP_FDATASYNC:
        prepare_sync(sqe, op);
        break;
    case HARK_OP_FTRUNCATE:
    case HARK_OP_FALLOCATE:
        prepare_range(sqe, op);
        break;
    case HARK_OP_STATX:
    case HARK_OP_RENAMEAT:
    case HARK_OP_UNLINKAT:
    case HARK_OP_MKDIRAT:
    case HARK_OP_SYMLINKAT:
    case HARK_OP_LINKAT:
        prepare_name(sqe, op);
        break;
    case HARK_OP_SETXATTRAT:
        prepare_attribute(sqe, op, IORING_OP_SETXATTR, IORING_OP_FSETXATTR);
        break;
    case HARK_OP_GETXATTRAT:
        prepare_attribute(sqe, op, IORING_OP_GETXATTR, IORING_OP_FGETXATTR);
        break;
    case HARK_OP_POLL:
    case HARK_OP_POLL_EACH:
        prepare_poll(sqe, op->with.poll.events);
        break;
    case HARK_OP_WAITID:
        prepare_waitid(sqe, op);
        break;
    case HARK_OP_SPLICE:
        prepare_splice(sqe, op);
        break;
    case HARK_OP_DEFER:
    case HARK_OP_SLEEP:
    case HARK_OP_EVERY:
    case HARK_OP_POST:
    case HARK_OP_WORK:
    case HARK_OP_SIGNAL_EACH:
    case HARK_OP_DETACH:
    case HARK_OP_GETDENTS:
    case HARK_OP_COPY_FILE_RANGE:
    case HARK_OP_READLINKAT:
    case HARK_OP_FCHMODAT:
    case HARK_OP_FCHOWNAT:
    case HARK_OP_UTIMENSAT:
    case HARK_OP_LISTXATTRAT:
    case HARK_OP_REMOVEXATTRAT:
        check(false); /* these never reach the ring */
    }
}

/* What is left of a recv or send (parts.h). */
static void prepare_part(struct io_uring_sqe *sqe, const struct hark_op *op)
{
    const size_t moved = (size_t)op->with.io.offset;
    if (op->code == HARK_OP_RECV)
        prepare_socket_io(sqe, op, IORING_OP_RECV);
    else
        prepare_send(sqe, op, IORING_OP_SEND);
    sqe->addr += moved;
    sqe->len = length(op->with.io.count - moved);
    sqe->msg_flags &= ~(uint32_t)MSG_WAITALL;
    if (op->code != HARK_OP_RECV)
        sqe->msg_flags |= MSG_DONTWAIT;
}

void prepare_entry(const struct uring *uring, struct io_uring_sqe *sqe, const struct hark_op *op)
{
    *sqe = (struct io_uring_sqe){.fd = op->fd, .user_data = tagged(op, TAG_OP)};
    if (likely(!(op->backend_bits & (OP_POLLING | OP_IN_PARTS))))
        return prepare(uring, sqe, op); /* its one caller: it is compiled in place */
    if (!(op->backend_bits & OP_POLLING))
        return prepare_part(sqe, op);
    prepare_poll(sqe, prepare_events_of(op));
    sqe->user_data = tagged(op, TAG_POLL);
}
