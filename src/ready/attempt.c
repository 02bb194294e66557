/* attempt.c - the calls of ops, each made once without blocking, and what comes of it. No op is
 * moved here, nor told of anything: that is ready.c's.
 *
 * What must hold: ATTEMPT_BLOCKED clears the events in row->ready, so that nothing is tried again
 * before the poller reports. */
#include "ready/attempt.h"
#include "core/child.h"
#include "core/message.h"
#include "core/op.h"
#include "core/unblocked.h"
#include "ready/kind.h"

enum { MARK_BEGUN = MARK_BACKEND }; /* the connect was started */

/* What try_other gives for ATTEMPT_SHARE_USED: no system call does (ERESTARTSYS of the kernel). */
enum { SHARE_USED = -512 };

static uint32_t bits_by_arguments(const struct hark_op *op, uint32_t bits)
{
    if (op->code == HARK_OP_POLL || op->code == HARK_OP_POLL_EACH)
        return bits | op->with.poll.events;
    if (op->code == HARK_OP_READ)
        return op->with.io.count > 0 ? bits : bits | TRY_ALWAYS;
    if (op->with.io.flags & MSG_OOB)
        return READY_PRI;
    return op->with.io.flags & MSG_ERRQUEUE ? (uint32_t)(READY_ERR | TRY_ALWAYS) : bits;
}

uint32_t attempt_bits_of(const struct hark_op *op)
{
    uint32_t bits = op_kinds[op->code].tries;
    return unlikely(bits & TRY_VARIES) ? bits_by_arguments(op, bits) : bits;
}

static int64_t try_accept(struct hark_loop *loop, struct hark_op *op, struct descriptor *row)
{
    int64_t fd;
    do
        fd = kernel_accept4(calls_of(loop), op->fd, op->with.address.name, op->with.address.length,
                            SOCK_CLOEXEC | SOCK_NONBLOCK);
    while (fd == -ECONNABORTED);
    if (fd >= 0) {
        uint8_t kind = row->kind;
        kind_note_socket(loop, (int)fd, kind); /* may move the rows */
    }
    return fd;
}

static struct attempt result_of(int64_t result)
{
    return (struct attempt){result, ATTEMPT_RESULT};
}

static struct attempt blocked(void)
{
    return (struct attempt){-EAGAIN, ATTEMPT_BLOCKED};
}

/* Called again, connect(2) says how it stands: EALREADY, the error, or 0. EAGAIN, a unix socket's
 * full queue of connections, no event will end. */
static struct attempt try_connect(struct hark_loop *loop, struct hark_op *op,
                                  struct descriptor *row)
{
    int64_t result =
        kernel_connect(calls_of(loop), op->fd, op->with.address.name, op->with.address.count);
    bool begun = result == -EINPROGRESS || (result == -EALREADY && op->marks & MARK_BEGUN);
    if (!begun)
        return result_of(result);
    op->marks |= MARK_BEGUN;
    op->backend_bits &= ~(uint32_t)TRY_ALWAYS;
    row->ready &= (uint16_t)~attempt_events_of(op);
    return blocked();
}

/* After a short read from TCP nothing is left, unless it ended at urgent data or at the end, which
 * bring no new edge. */
static void note_short_read(struct descriptor *row, int64_t result, size_t asked)
{
    if (result > 0 && (size_t)result < asked && row->kind == KIND_TCP && !row->seen)
        row->ready &= (uint16_t)~READY_IN;
}

/* EAGAIN that no event will end: an empty error queue, and a full receiver of datagrams on a socket
 * that is not connected to it, which says that it is writable. */
static bool is_final(struct hark_loop *loop, const struct hark_op *op)
{
    if (op->code == HARK_OP_RECV || op->code == HARK_OP_RECVMSG)
        return (op->with.io.flags & MSG_ERRQUEUE) != 0;
    return op_sends_to_unix_name(op) && kernel_poll_now(calls_of(loop), op->fd, READY_OUT) > 0;
}

/* Apart, as is try_other: what sends and receives do each time stays small enough for the
 * registers. */
static __attribute__((noinline)) struct attempt failed(struct hark_loop *loop,
                                                       const struct hark_op *op,
                                                       struct descriptor *row, int64_t error)
{
    if (error != -EAGAIN || is_final(loop, op))
        return error == SHARE_USED ? (struct attempt){0, ATTEMPT_SHARE_USED} : result_of(error);
    row->ready &= (uint16_t)~attempt_events_of(op);
    return blocked();
}

/* What the kernel's answer means. */
static inline struct attempt answered(struct hark_loop *loop, const struct hark_op *op,
                                      struct descriptor *row, int64_t result)
{
    return likely(result >= 0) ? result_of(result) : failed(loop, op, row, result);
}

enum { FAIR_BYTES = 1 << 20 }; /* one transfer moves so much before the others have their turn */

/* send or recv; with MSG_WAITALL as often as it takes, what has been moved kept in offset. In place
 * for what moves bytes most. */
static inline __attribute__((always_inline)) struct attempt try_transfer(struct hark_loop *loop,
                                                                         struct hark_op *op,
                                                                         struct descriptor *row)
{
    int flags = (op->with.io.flags & ~MSG_WAITALL) | MSG_DONTWAIT;
    bool is_stream = row->kind == KIND_TCP || row->kind == KIND_STREAM;
    bool goes_on = op->with.io.flags & MSG_WAITALL && is_stream;
    for (int64_t moved_now = 0;;) {
        size_t moved = (size_t)op->with.io.offset;
        char *bytes = (char *)op->with.io.bytes + moved;
        size_t count = op->with.io.count - moved;
        bool receives = op->code == HARK_OP_RECV;
        int64_t result = receives ? kernel_recv(calls_of(loop), op->fd, bytes, count, flags)
                                  : kernel_send(calls_of(loop), op->fd, bytes, count, flags);
        if (receives && !(flags & (MSG_PEEK | MSG_OOB | MSG_ERRQUEUE)))
            note_short_read(row, result, count);
        if (!goes_on || result == -EAGAIN)
            return answered(loop, op, row, result);
        if (result <= 0)
            return result_of(moved > 0 ? (int64_t)moved : result);
        op->with.io.offset += result;
        if ((size_t)op->with.io.offset == op->with.io.count)
            return result_of(op->with.io.offset);
        moved_now += result;
        if (moved_now >= FAIR_BYTES)
            return (struct attempt){0, ATTEMPT_SHARE_USED};
    }
}

static struct attempt try_recv_each(struct hark_loop *loop, struct hark_op *op,
                                    struct descriptor *row)
{
    struct buffers *buffers = &loop->buffers;
    uint32_t index = buffers->stack[buffers->free - 1];
    void *bytes = buffers_at(buffers, index);
    checking_buffer_out(loop, bytes);
    int flags = unlikely(row->kind == KIND_SOCKET)
                    ? MSG_DONTWAIT | MSG_TRUNC
                    : MSG_DONTWAIT; /* TCP means another thing by it */
    int64_t result = kernel_recv(calls_of(loop), op->fd, bytes, buffers->bytes, flags);
    note_short_read(row, result, buffers->bytes);
    if (unlikely(result > (int64_t)buffers->bytes)) {
        op->marks |= HARK_MARK_CUT;
        result = buffers->bytes;
    }
    if (result > 0) {
        buffers->free--; /* taken only now: most often it would come back at once */
        op->with.io.bytes = bytes;
        op->with.io.buffer = index + 1;
    } else {
        checking_buffer_unused(buffers, bytes);
    }
    return answered(loop, op, row, result);
}

static int64_t try_recvmsg_each(struct hark_loop *loop, struct hark_op *op,
                                const struct descriptor *row)
{
    struct buffers *buffers = &loop->buffers;
    const bool is_stream = row->kind != KIND_SOCKET;
    uint32_t index = buffers->stack[buffers->free - 1];
    op->with.io.bytes = buffers_at(buffers, index);
    checking_buffer_out(loop, op->with.io.bytes);
    int64_t result = message_receive(loop, op, is_stream);
    if (result < 0) {
        checking_buffer_unused(buffers, op->with.io.bytes);
        return result;
    }
    buffers->free--;
    op->with.io.buffer = index + 1;
    if (result == 0 && message_is_end(loop, op, is_stream))
        hark_buffer_return(loop, hark_buffer_keep(op));
    return result;
}

static int64_t ask(struct hark_loop *loop, int fd, uint32_t events)
{
    int64_t result = kernel_poll_now(calls_of(loop), fd, events);
    return result ? result : -EAGAIN;
}

/* read and write on what is no regular file. Offsets mean nothing there. */
static int64_t try_io(struct hark_loop *loop, struct hark_op *op, struct descriptor *row)
{
    int64_t result; /* O_NONBLOCK says nothing for good: whoever shares the file can clear it */
    if (!(row->flags & DESCRIPTOR_BY_HAND) && unblocked_by_kernel(loop, op, &result))
        return result;
    row->flags |= DESCRIPTOR_BY_HAND;
    return unblocked_by_hand(loop, op);
}

static int64_t make_socket(struct hark_loop *loop, struct hark_op *op)
{
    int type = op->with.socket.type;
    int family = op->with.socket.family;
    int protocol = op->with.socket.protocol;
    int fd = kernel_socket(calls_of(loop), family, type, protocol);
    type &= ~(SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0)
        kind_note_socket(loop, fd, kind_of_socket(family, type, protocol));
    return fd;
}

/* The kinds that neither send nor receive bytes, and those that are rare. */
static __attribute__((noinline)) int64_t try_other(struct hark_loop *loop, struct hark_op *op,
                                                   struct descriptor *row)
{
    switch (op->code) {
    case HARK_OP_ACCEPT:
    case HARK_OP_ACCEPT_EACH:
        return try_accept(loop, op, row);
    case HARK_OP_RECVMSG:
        return kernel_recvmsg(calls_of(loop), op->fd, op->with.io.bytes,
                              op->with.io.flags | MSG_DONTWAIT);
    case HARK_OP_RECVMSG_EACH:
        return try_recvmsg_each(loop, op, row);
    case HARK_OP_SPLICE:
        return SHARE_USED; /* it may change its row: when its turn comes (splice.c) */
    case HARK_OP_SENDMSG:
        return kernel_sendmsg(calls_of(loop), op->fd, op->with.io.bytes,
                              op->with.io.flags | MSG_DONTWAIT);
    case HARK_OP_READ:
    case HARK_OP_WRITE:
    case HARK_OP_READV:
    case HARK_OP_WRITEV:
        return try_io(loop, op, row);
    case HARK_OP_POLL:
    case HARK_OP_POLL_EACH:
        return ask(loop, op->fd, op->with.poll.events);
    case HARK_OP_WAITID:
        return child_try(calls_of(loop), op);
    default:
        break; /* see make_call and call_at_once; all others are done elsewhere */
    }
    check(false);
    return -ENOSYS;
}

static inline struct attempt make_call(struct hark_loop *loop, struct hark_op *op,
                                       struct descriptor *row)
{
    if (op->code == HARK_OP_RECV_EACH)
        return try_recv_each(loop, op, row);
    /* Without io_uring there is no way to send what is not copied and to be told once it has gone:
     * it is a plain send. */
    if (op->code == HARK_OP_SEND || op->code == HARK_OP_RECV || op->code == HARK_OP_SEND_ZC)
        return try_transfer(loop, op, row);
    if (op->code == HARK_OP_CONNECT)
        return try_connect(loop, op, row);
    return answered(loop, op, row, try_other(loop, op, row));
}

struct attempt attempt_call(struct hark_loop *loop, struct hark_op *op, struct descriptor *row)
{
    if (op->backend_bits & TRY_LATE && unlikely(loop->buffers.free == 0))
        return (struct attempt){0, ATTEMPT_NO_BUFFER};
    op_trying(loop, op);
    struct attempt attempt = make_call(loop, op, row);
    op_tried(loop, op, attempt.result);
    return attempt;
}

/* The kinds that never wait. */
static int64_t call_at_once(struct hark_loop *loop, struct hark_op *op)
{
    switch (op->code) {
    case HARK_OP_NOP:
        return 0;
    case HARK_OP_SOCKET:
        return make_socket(loop, op);
    case HARK_OP_SHUTDOWN:
        return kernel_shutdown(calls_of(loop), op->fd, op->with.io.flags);
    case HARK_OP_CLOSE:
        return kernel_close(calls_of(loop), op->fd);
    default:
        break;
    }
    check(false);
    return -ENOSYS;
}

int64_t attempt_at_once(struct hark_loop *loop, struct hark_op *op)
{
    op_trying(loop, op);
    int64_t result = call_at_once(loop, op);
    op_tried(loop, op, result);
    return result;
}

struct attempt attempt_cached(struct hark_loop *loop, struct hark_op *op)
{
    /* At the file's own position a part would move it; and much at once would keep the loop. */
    const size_t bytes_max = 64 * 1024;
    if (op->code != HARK_OP_READ || op->with.io.offset < 0 || op->with.io.count > bytes_max)
        return blocked();
    const struct iovec vector = {op->with.io.bytes, op->with.io.count};
    op_trying(loop, op);
    int64_t count =
        kernel_preadv2(calls_of(loop), op->fd, &vector, 1, op->with.io.offset, RWF_NOWAIT);
    bool whole = count == (int64_t)op->with.io.count;
    op_tried(loop, op, whole ? count : -EAGAIN); /* a part is no result: the pool begins anew */
    return whole ? result_of(count) : blocked();
}
