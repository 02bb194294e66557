/* sockets.c - starting the ops of net.h. */
#include "core/message.h"
#include "core/op.h"
#include "hark/net.h"

enum { ALWAYS = MSG_NOSIGNAL | MSG_DONTWAIT };

void hark_socket(struct hark_loop *loop, struct hark_op *op, int family, int type, int protocol,
                 hark_done *done)
{
    op_begin_apart(loop, op, HARK_OP_SOCKET, -1, done);
    op->with.socket.family = family;
    op->with.socket.type = type | SOCK_CLOEXEC | SOCK_NONBLOCK;
    op->with.socket.protocol = protocol;
    op_start_loose(loop, op);
}

void hark_accept(struct hark_loop *loop, struct hark_op *op, int fd, struct sockaddr *name,
                 socklen_t *length, hark_done *done)
{
    op_begin_apart(loop, op, HARK_OP_ACCEPT, fd, done);
    op->with.address.name = name;
    op->with.address.length = length;
    op_start_apart(loop, op);
}

void hark_accept_each(struct hark_loop *loop, struct hark_op *op, int fd, hark_done *done)
{
    op_begin_apart(loop, op, HARK_OP_ACCEPT_EACH, fd, done);
    op->with.address.name = NULL;
    op->with.address.length = NULL;
    op_start_apart(loop, op);
}

void hark_connect(struct hark_loop *loop, struct hark_op *op, int fd, const struct sockaddr *name,
                  socklen_t length, hark_done *done)
{
    op_begin_apart(loop, op, HARK_OP_CONNECT, fd, done);
    op->with.address.name = (struct sockaddr *)(uintptr_t)name;
    op->with.address.count = length;
    op_start_apart(loop, op);
}

static inline void start_io(struct hark_loop *loop, struct hark_op *op, void *bytes, size_t count,
                            int flags)
{
    op->with.io.bytes = bytes;
    op->with.io.count = count;
    op->with.io.offset = 0;
    op->with.io.flags = flags;
    op->with.io.buffer = 0;
    op_start_on_descriptor(loop, op);
}

/* For the kinds that begin with op_begin_apart. */
static __attribute__((noinline)) void start_io_apart(struct hark_loop *loop, struct hark_op *op,
                                                     void *bytes, size_t count, int flags)
{
    start_io(loop, op, bytes, count, flags);
}

/* Nothing waits for the error queue: no event tells that it has filled. */
static int receive_flags(int flags)
{
    return (flags & ~ALWAYS) | (flags & MSG_ERRQUEUE ? MSG_DONTWAIT : 0);
}

/* A peek takes nothing away, so none can wait for more: io_uring would look at the same bytes again
 * and count them twice. */
static int without_waiting_for_all(int flags)
{
    return flags & MSG_PEEK ? flags & ~MSG_WAITALL : flags;
}

void hark_recv(struct hark_loop *loop, struct hark_op *op, int fd, void *bytes, size_t count,
               int flags, hark_done *done)
{
    op_begin(loop, op, HARK_OP_RECV, fd, done);
    start_io(loop, op, bytes, count, without_waiting_for_all(receive_flags(flags)));
}

void hark_recv_each(struct hark_loop *loop, struct hark_op *op, int fd, hark_done *done)
{
    op_begin_apart(loop, op, HARK_OP_RECV_EACH, fd, done);
    start_io_apart(loop, op, NULL, 0, 0);
}

void hark_send(struct hark_loop *loop, struct hark_op *op, int fd, const void *bytes, size_t count,
               int flags, hark_done *done)
{
    op_begin(loop, op, HARK_OP_SEND, fd, done);
    start_io(loop, op, (void *)(uintptr_t)bytes, count, (flags & ~ALWAYS) | MSG_NOSIGNAL);
}

void hark_send_zc(struct hark_loop *loop, struct hark_op *op, int fd, const void *bytes,
                  size_t count, int flags, hark_done *done)
{
    op_begin_apart(loop, op, HARK_OP_SEND_ZC, fd, done);
    start_io_apart(loop, op, (void *)(uintptr_t)bytes, count, (flags & ~ALWAYS) | MSG_NOSIGNAL);
}

static void start_message(struct hark_loop *loop, struct hark_op *op, void *message, int flags)
{
    if (flags & MSG_WAITALL)
        return loop_finish(loop, op, -EINVAL);
    start_io(loop, op, message, 1, flags);
}

void hark_recvmsg(struct hark_loop *loop, struct hark_op *op, int fd, struct msghdr *message,
                  int flags, hark_done *done)
{
    op_begin(loop, op, HARK_OP_RECVMSG, fd, done);
    start_message(loop, op, message, receive_flags(flags) | MSG_CMSG_CLOEXEC);
}

/* There has to be room for a byte at least: without any each message would be cut to nothing. */
void hark_recvmsg_each(struct hark_loop *loop, struct hark_op *op, int fd, size_t control_room,
                       hark_done *done)
{
    op_begin_apart(loop, op, HARK_OP_RECVMSG_EACH, fd, done);
    const int room = message_room_of(control_room);
    op->with.io.count = room < 0 ? 0 : (size_t)room;
    op->with.io.buffer = 0;
    if (room < 0 || message_head_bytes(op) >= loop->buffers.bytes)
        return loop_finish(loop, op, -EINVAL);
    start_io_apart(loop, op, NULL, (size_t)room, 0);
}

void hark_sendmsg(struct hark_loop *loop, struct hark_op *op, int fd, const struct msghdr *message,
                  int flags, hark_done *done)
{
    op_begin(loop, op, HARK_OP_SENDMSG, fd, done);
    start_message(loop, op, (void *)(uintptr_t)message, (flags & ~ALWAYS) | MSG_NOSIGNAL);
}

void hark_shutdown(struct hark_loop *loop, struct hark_op *op, int fd, int how, hark_done *done)
{
    op_begin_apart(loop, op, HARK_OP_SHUTDOWN, fd, done);
    op->with.io.flags = how;
    op_start_apart(loop, op);
}
