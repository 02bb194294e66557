/* uring_sockets.c - see the header. Each try is a call, and may meet the faults of one
 * (uring_faults.c). */
#include "sim/uring/uring_sockets.h"
#include "sim/net/socket.h"
#include "sim/uring/uring_faults.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

static void *pointer(uint64_t address)
{
    return (void *)(uintptr_t)address; // NOLINT: as the process wrote it
}

/* --- receiving into lent buffers --- */

/* The most bytes that a fault lets it move; what has borders is moved whole. */
static int ask_for_fault(const struct request *request, size_t *out_most)
{
    *out_most = SIZE_MAX;
    return uring_faults_of(request, socket_is_stream(request->file) ? out_most : NULL);
}

enum { NAME_ROOM = sizeof(struct sockaddr_storage), CONTROL_ROOM = 1024 };

static void fill(char *to, const void *from, size_t count)
{
    const struct iovec vector = {to, count};
    vector_put(&vector, 1, 0, from, count);
}

/* A message in a buffer: a head that tells of lengths, then the address, control data and the
 * bytes, each at its place whatever came before (io_recvmsg_multishot in Linux's
 * io_uring/net.c).
 * Gives: also whether nothing has come behind the head: a repeating request ends with it. */
static int64_t receive_message(const struct request *request, const struct io_uring_buf *buffer,
                               size_t most, bool *out_empty)
{
    char name[NAME_ROOM];
    _Alignas(struct cmsghdr) char control[CONTROL_ROOM];
    const struct msghdr *asked = pointer(request->sqe.addr);
    const size_t before =
        sizeof(struct io_uring_recvmsg_out) + asked->msg_namelen + asked->msg_controllen;
    if (buffer->len < before || asked->msg_namelen > NAME_ROOM ||
        asked->msg_controllen > CONTROL_ROOM)
        return -EFAULT;
    char *bytes = pointer(buffer->addr);
    const size_t room = buffer->len - before;
    struct iovec vector = {bytes + before, room < most ? room : most};
    struct msghdr message = {
        .msg_name = name,
        .msg_namelen = asked->msg_namelen,
        .msg_iov = &vector,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = asked->msg_controllen,
    };
    int64_t result = socket_receive(request->ring->process, request->file, &message,
                                    (int)request->sqe.msg_flags);
    if (result < 0)
        return result;
    const struct io_uring_recvmsg_out head = {
        .namelen = message.msg_namelen,
        .controllen = (uint32_t)message.msg_controllen,
        .payloadlen = (uint32_t)result,
        .flags = (uint32_t)message.msg_flags,
    };
    *out_empty = result == 0;
    fill(bytes, &head, sizeof head);
    fill(bytes + sizeof head, name,
         head.namelen < asked->msg_namelen ? head.namelen : asked->msg_namelen);
    fill(bytes + before - asked->msg_controllen, control, head.controllen);
    return (int64_t)before + (result < (int64_t)room ? result : (int64_t)room);
}

static int64_t receive(const struct request *request, const struct io_uring_buf *buffer,
                       bool *out_empty)
{
    size_t most;
    int error = ask_for_fault(request, &most);
    if (error)
        return error;
    if (request->sqe.opcode == IORING_OP_RECVMSG)
        return receive_message(request, buffer, most, out_empty);
    struct iovec vector = {pointer(buffer->addr), buffer->len < most ? buffer->len : most};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    return socket_receive(request->ring->process, request->file, &message,
                          (int)request->sqe.msg_flags);
}

/* A buffer is wanted even to wait: without one it has ended. Messages come to repeating requests
 * alone: where single ones would put them the library does not ask. */
void uring_sockets_receive_lent(struct request *request)
{
    struct ring *ring = request->ring;
    bool again = true;
    const bool repeats = (request->sqe.ioprio & IORING_RECV_MULTISHOT) != 0;
    if ((repeats && ring->version < URING_SINGLE_ISSUER) ||
        (!repeats && request->sqe.opcode == IORING_OP_RECVMSG))
        return request_complete(request, -EINVAL, 0);
    while (again) {
        struct io_uring_buf *buffer = uring_queue_buffer(ring);
        if (!buffer)
            return request_complete(request, -ENOBUFS, 0);
        uint32_t flags = IORING_CQE_F_BUFFER | (uint32_t)buffer->bid << IORING_CQE_BUFFER_SHIFT;
        bool is_empty = false;
        int64_t result = receive(request, buffer, &is_empty);
        if (result == -EAGAIN)
            return request_poll(request, POLLIN | POLLRDHUP);
        if (result <= 0)
            return request_complete(request, result, 0);
        uring_queue_take_buffer(ring);
        if (!repeats || is_empty)
            return request_complete(request, result, flags);
        again = request_complete_more(request, result, flags);
    }
}

/* --- sending and receiving --- */

static int64_t move(const struct request *request, struct msghdr *message, bool sends)
{
    struct process *process = request->ring->process;
    const int flags = (int)request->sqe.msg_flags;
    return sends ? socket_send(process, request->file, message, flags)
                 : socket_receive(process, request->file, message, flags);
}

static int64_t move_message(const struct request *request, bool sends, size_t most)
{
    struct msghdr *message = pointer(request->sqe.addr);
    const size_t count = message->msg_iovlen;
    struct iovec *whole = message->msg_iov;
    if (count > UIO_MAXIOV || most >= vector_bytes(whole, (int)count))
        return move(request, message, sends);
    struct iovec *less = memory_own(count * sizeof *less);
    memcpy(less, whole, count * sizeof *less);
    struct msghdr cut = *message;
    cut.msg_iov = less;
    cut.msg_iovlen = (size_t)vector_cut(less, (int)count, most);
    int64_t result = move(request, &cut, sends);
    memory_own_free(less);
    if (sends)
        return result;
    message->msg_namelen = cut.msg_namelen;
    message->msg_controllen = cut.msg_controllen;
    message->msg_flags = cut.msg_flags;
    return result;
}

static int64_t transfer(const struct request *request, bool sends)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    size_t most;
    int error = ask_for_fault(request, &most);
    if (error)
        return error;
    if (sqe->opcode == IORING_OP_SENDMSG || sqe->opcode == IORING_OP_RECVMSG)
        return move_message(request, sends, most);
    const size_t left = sqe->len - request->done;
    char *bytes = pointer(sqe->addr);
    struct iovec vector = {bytes + request->done, left < most ? left : most};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    return move(request, &message, sends);
}

/* With MSG_WAITALL the kernel goes on until all has been moved, or it cannot. */
void uring_sockets_transfer(struct request *request, bool sends)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    bool plain = sqe->opcode == IORING_OP_SEND || sqe->opcode == IORING_OP_RECV ||
                 sqe->opcode == IORING_OP_SEND_ZC;
    bool all = plain && sqe->msg_flags & MSG_WAITALL && socket_is_stream(request->file);
    int64_t result;
    do {
        result = transfer(request, sends);
        if (result > 0)
            request->done += (size_t)result;
    } while (all && result > 0 && request->done < sqe->len);
    if (result == -EAGAIN && !(sqe->msg_flags & MSG_DONTWAIT))
        return request_poll(request, sends ? POLLOUT : POLLIN | POLLRDHUP);
    request_complete(request, request->done > 0 ? (int64_t)request->done : result, 0);
}

/* It is copied all the same: who changes the bytes before their notification finds out by his own
 * checks alone. */
void uring_sockets_send_zc(struct request *request)
{
    if (!request->file->kind->is_socket)
        return request_complete(request, -ENOTSOCK, 0);
    if (!socket_sends_without_copy(request->file))
        return request_complete(request, -EOPNOTSUPP, 0);
    uring_sockets_transfer(request, true);
}

/* --- connections --- */

static int64_t accept_one(const struct request *request)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    int error = uring_faults_of(request, NULL);
    return error ? error
                 : socket_accept(request->ring->process, request->file, pointer(sqe->addr),
                                 pointer(sqe->addr2), (int)sqe->accept_flags);
}

void uring_sockets_accept(struct request *request)
{
    for (;;) {
        int64_t result = accept_one(request);
        if (result == -EAGAIN)
            return request_poll(request, POLLIN);
        if (result < 0 || !(request->sqe.ioprio & IORING_ACCEPT_MULTISHOT))
            return request_complete(request, result, 0);
        if (!request_complete_more(request, result, 0))
            return;
    }
}

static int connect_now(const struct request *request)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    if (request->connecting)
        return socket_connected(request->file);
    int error = uring_faults_of(request, NULL);
    return error ? error
                 : socket_connect(request->ring->process, request->file, pointer(sqe->addr),
                                  (socklen_t)sqe->off);
}

void uring_sockets_connect(struct request *request)
{
    int result = connect_now(request);
    if (result == -EINPROGRESS || (request->connecting && result == -EALREADY)) {
        request->connecting = true;
        return request_poll(request, POLLOUT);
    }
    request_complete(request, result, 0);
}
