/* calls_sockets.c - the sockets of kernel.h: what socket.h does at once is waited for here, where
 * the descriptor says so. */
#include "sim/calls/call.h"
#include "sim/net/socket.h"
#include "sim/net/socket_base.h"
#include "sim/world/faults.h"
#include "sim/world/signals.h"

#include <poll.h>
#include <string.h>

/* --- waiting --- */

static uint64_t until(uint64_t timeout_ns)
{
    return timeout_ns ? world->now_ns + timeout_ns : UINT64_MAX;
}

static uint64_t until_of(const struct file *file, bool sends)
{
    if (!file->kind->is_socket)
        return UINT64_MAX;
    const struct socket_options *options = &((const struct socket *)file)->options;
    return until(sends ? options->send_timeout_ns : options->receive_timeout_ns);
}

static bool waits(const struct file *file, int flags)
{
    return !(file->flags & O_NONBLOCK) && !(flags & MSG_DONTWAIT);
}

/* Gives: 0: the call is made again; -EAGAIN: time is up; -EINTR: a signal has ended it, as any does
 * where there is a time (signal(7)). */
static int wait_for(struct file *file, uint32_t events, uint64_t until_ns)
{
    int result = call_block(file, events, until_ns);
    if (result == -ETIME)
        return -EAGAIN;
    bool ends = until_ns == UINT64_MAX ? call_is_broken() : call_is_interrupted();
    return result == -EINTR && ends ? -EINTR : 0;
}

/* --- those that never wait --- */

#define WITH_FILE(fd, made)                                                                        \
    __extension__({                                                                                \
        struct file *file = call_file(fd);                                                         \
        file ? (made) : -EBADF;                                                                    \
    })

int kernel_socket(uint64_t *calls, int family, int type, int protocol)
{
    return (int)CALL(calls, "socket", -1, socket_open(process_current(), family, type, protocol));
}

int kernel_bind(uint64_t *calls, int fd, const struct sockaddr *name, socklen_t length)
{
    return (int)CALL(calls, "bind", fd,
                     WITH_FILE(fd, socket_bind(process_current(), file, name, length)));
}

int kernel_listen(uint64_t *calls, int fd, int backlog)
{
    return (int)CALL(calls, "listen", fd, WITH_FILE(fd, socket_listen(file, backlog)));
}

int kernel_shutdown(uint64_t *calls, int fd, int how)
{
    return (int)CALL(calls, "shutdown", fd, WITH_FILE(fd, socket_shutdown(file, how)));
}

int kernel_setsockopt(uint64_t *calls, int fd, int level, int option, const void *value,
                      socklen_t length)
{
    return (int)CALL(calls, "setsockopt", fd,
                     WITH_FILE(fd, socket_set_option(file, level, option, value, length)));
}

int kernel_getsockopt(uint64_t *calls, int fd, int level, int option, void *out_value,
                      socklen_t *length)
{
    return (int)CALL(calls, "getsockopt", fd,
                     WITH_FILE(fd, socket_get_option(file, level, option, out_value, length)));
}

int kernel_getsockname(uint64_t *calls, int fd, struct sockaddr *out_name, socklen_t *length)
{
    return (int)CALL(calls, "getsockname", fd, WITH_FILE(fd, socket_name(file, out_name, length)));
}

int kernel_getpeername(uint64_t *calls, int fd, struct sockaddr *out_name, socklen_t *length)
{
    return (int)CALL(calls, "getpeername", fd,
                     WITH_FILE(fd, socket_peer_name(file, out_name, length)));
}

/* Who waits is told of the end, and who does not of EAGAIN alone
 * (__skb_wait_for_more_packets in Linux's net/core/datagram.c). */
static bool is_shut(const struct file *file)
{
    return file->kind->is_socket && ((const struct socket *)file)->shut & SHUT_FOR_READING;
}

/* --- connections --- */

static int accept_one(int fd, struct sockaddr *out_name, socklen_t *length, int flags)
{
    struct file *file = call_file(fd);
    if (!file)
        return -EBADF;
    call_hold(file);
    uint64_t until_ns =
        file->kind->is_socket ? until(((struct socket *)file)->options.receive_timeout_ns) : 0;
    int result, error = 0;
    do
        result = socket_accept(process_current(), file, out_name, length, flags);
    while (result == -EAGAIN && waits(file, 0) && !is_shut(file) &&
           !(error = wait_for(file, POLLIN, until_ns)));
    if (error == -EINTR)
        return error;
    return result == -EAGAIN && waits(file, 0) && is_shut(file) ? -EINVAL : result;
}

int kernel_accept4(uint64_t *calls, int fd, struct sockaddr *out_name, socklen_t *length, int flags)
{
    return (int)CALL(calls, "accept4", fd, accept_one(fd, out_name, length, flags));
}

/* A unix socket whose listener's queue is full (EAGAIN) is told when there is room, and calls
 * again. */
static int call(struct file *file, const struct sockaddr *name, socklen_t length, uint64_t until_ns)
{
    int result, error = 0;
    do
        result = socket_connect(process_current(), file, name, length);
    while (result == -EAGAIN && waits(file, 0) && !(error = wait_for(file, POLLOUT, until_ns)));
    return error == -EINTR ? error : result;
}

static int connect_to(int fd, const struct sockaddr *name, socklen_t length)
{
    struct file *file = call_file(fd);
    if (!file)
        return -EBADF;
    call_hold(file);
    uint64_t until_ns = until_of(file, true);
    int result = call(file, name, length, until_ns);
    if ((result == -EINPROGRESS || result == -EALREADY) && waits(file, 0)) {
        do {
            int error = wait_for(file, POLLOUT, until_ns);
            if (error)
                return error == -EINTR ? error : result;
            result = socket_connected(file);
        } while (result == -EALREADY);
    }
    return result;
}

int kernel_connect(uint64_t *calls, int fd, const struct sockaddr *name, socklen_t length)
{
    return (int)CALL(calls, "connect", fd, connect_to(fd, name, length));
}

/* --- sending --- */

static bool is_stream(const struct file *file)
{
    return file->kind->is_socket && ((const struct socket *)file)->type == SOCK_STREAM;
}

/* A call that moves what is left of the message. */
typedef int64_t mover(struct file *file, struct msghdr *message, int flags);

static int64_t send_now(struct file *file, struct msghdr *message, int flags)
{
    return socket_send(process_current(), file, message, flags);
}

static int64_t receive_now(struct file *file, struct msghdr *message, int flags)
{
    return socket_receive(process_current(), file, message, flags);
}

static int64_t move_rest(struct file *file, mover *transfer, struct msghdr *message, size_t done,
                         int flags)
{
    if (done == 0)
        return transfer(file, message, flags);
    struct msghdr rest = {.msg_flags = message->msg_flags};
    rest.msg_iov = memory_taken((message->msg_iovlen + 1) * sizeof *rest.msg_iov);
    rest.msg_iovlen =
        (size_t)vector_rest(message->msg_iov, (int)message->msg_iovlen, done, rest.msg_iov);
    int64_t result = transfer(file, &rest, flags);
    memory_give_back(rest.msg_iov);
    return result;
}

/* Moves until all has gone, or nothing more will. Gives the bytes, or why there are none. */
static int64_t move_all(struct file *file, mover *transfer, struct msghdr *message, int flags,
                        bool all)
{
    bool sends = transfer == send_now;
    uint64_t until_ns = until_of(file, sends);
    size_t size = vector_bytes(message->msg_iov, (int)message->msg_iovlen);
    size_t done = 0;
    for (;;) {
        int64_t result = move_rest(file, transfer, message, done, flags);
        bool may_wait = waits(file, flags);
        if (result > 0)
            done += (size_t)result;
        if (result > 0 && (!all || done >= size || !may_wait))
            return (int64_t)done;
        if (result != -EAGAIN && result <= 0)
            return done > 0 ? (int64_t)done : result;
        if (result == -EAGAIN && !sends && may_wait && is_shut(file))
            return (int64_t)done;
        if (result > 0)
            continue;
        int error = may_wait ? wait_for(file, sends ? POLLOUT : POLLIN, until_ns) : -EAGAIN;
        if (error)
            return done > 0 ? (int64_t)done : error;
    }
}

/* With no more bytes than a fault lets. */
static int64_t move_some(struct file *file, mover *transfer, struct msghdr *message, int flags,
                         bool all, size_t most)
{
    const size_t count = message->msg_iovlen;
    struct msghdr less = *message;
    if (most >= vector_bytes(message->msg_iov, (int)count))
        return move_all(file, transfer, message, flags, all);
    less.msg_iov = memory_taken(count * sizeof *less.msg_iov);
    memcpy(less.msg_iov, message->msg_iov, count * sizeof *less.msg_iov);
    less.msg_iovlen = (size_t)vector_cut(less.msg_iov, (int)count, most);
    int64_t result = move_all(file, transfer, &less, flags, all);
    memory_give_back(less.msg_iov);
    if (transfer == receive_now) {
        message->msg_namelen = less.msg_namelen;
        message->msg_controllen = less.msg_controllen;
        message->msg_flags = less.msg_flags;
    }
    return result;
}

/* What has borders is moved whole. */
static int ask_for_fault(const char *name, struct file *file, const struct msghdr *message,
                         size_t *out_most)
{
    *out_most = vector_bytes(message->msg_iov, (int)message->msg_iovlen);
    return faults_of(process_current(), name, file, is_stream(file) ? out_most : NULL);
}

static int64_t send_message(const char *name, int fd, const struct msghdr *message, int flags)
{
    struct file *file = call_file(fd);
    size_t most;
    if (!file)
        return -EBADF;
    int error = ask_for_fault(name, file, message, &most);
    if (error)
        return error;
    call_hold(file);
    int64_t result = move_some(file, send_now, (struct msghdr *)(uintptr_t)message, flags,
                               is_stream(file), most);
    if (result == -EPIPE && is_stream(file) && !(flags & MSG_NOSIGNAL))
        signals_send(process_current(), world->thread, SIGPIPE);
    return result;
}

int64_t kernel_sendmsg(uint64_t *calls, int fd, const struct msghdr *message, int flags)
{
    return CALL_WITH_FAULTS(calls, "sendmsg", fd, send_message("sendmsg", fd, message, flags));
}

int64_t kernel_send(uint64_t *calls, int fd, const void *bytes, size_t count, int flags)
{
    struct iovec vector = {(void *)(uintptr_t)bytes, count};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    return CALL_WITH_FAULTS(calls, "send", fd, send_message("send", fd, &message, flags));
}

/* --- receiving --- */

/* MSG_WAITALL is nothing to what has borders; a peek looks once (recv(2)). */
static int64_t receive_message(const char *name, int fd, struct msghdr *message, int flags)
{
    struct file *file = call_file(fd);
    size_t most;
    if (!file)
        return -EBADF;
    int error = ask_for_fault(name, file, message, &most);
    if (error)
        return error;
    call_hold(file);
    bool all = flags & MSG_WAITALL && is_stream(file) && !(flags & (MSG_PEEK | MSG_OOB));
    if (flags & (MSG_ERRQUEUE | MSG_OOB))
        flags |= MSG_DONTWAIT;
    return move_some(file, receive_now, message, flags, all, most);
}

int64_t kernel_recvmsg(uint64_t *calls, int fd, struct msghdr *message, int flags)
{
    return CALL_WITH_FAULTS(calls, "recvmsg", fd, receive_message("recvmsg", fd, message, flags));
}

int64_t kernel_recv(uint64_t *calls, int fd, void *bytes, size_t count, int flags)
{
    struct iovec vector = {bytes, count};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    return CALL_WITH_FAULTS(calls, "recv", fd, receive_message("recv", fd, &message, flags));
}
