/* socket.c - see the header: what is the same for all kinds, and which kind there is. */
#include "sim/net/socket.h"
#include "sim/net/address.h"
#include "sim/net/socket_base.h"
#include "sim/net/tcp.h"
#include "sim/net/udp.h"
#include "sim/net/unix.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static struct socket *socket_of(struct file *file)
{
    return file->kind->is_socket ? (struct socket *)file : NULL;
}

/* --- making one --- */

enum { TYPE_MOST = SOCK_PACKET };

static int make_unix(struct machine *machine, int type, int kind, int protocol,
                     struct socket **out_socket)
{
    if (protocol != 0 && protocol != AF_UNIX)
        return -EPROTONOSUPPORT;
    if (kind != SOCK_STREAM && kind != SOCK_SEQPACKET && kind != SOCK_DGRAM)
        return -ESOCKTNOSUPPORT;
    *out_socket = unix_open(machine, type);
    return 0;
}

static int make(struct machine *machine, int family, int type, int protocol,
                struct socket **out_socket)
{
    int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (kind < 0 || kind > TYPE_MOST)
        return -EINVAL;
    if (family == AF_UNIX)
        return make_unix(machine, type, kind, protocol, out_socket);
    if (family != AF_INET && family != AF_INET6)
        return -EAFNOSUPPORT;
    if (kind == SOCK_STREAM && (protocol == 0 || protocol == IPPROTO_TCP)) {
        *out_socket = tcp_open(machine, family, type);
        return 0;
    }
    if (kind == SOCK_DGRAM && (protocol == 0 || protocol == IPPROTO_UDP)) {
        *out_socket = udp_open(machine, family, type);
        return 0;
    }
    return kind == SOCK_STREAM || kind == SOCK_DGRAM || kind == SOCK_RAW ? -EPROTONOSUPPORT
                                                                         : -ESOCKTNOSUPPORT;
}

int socket_open(struct process *process, int family, int type, int protocol)
{
    struct socket *socket;
    int error = make(process->machine, family, type, protocol, &socket);
    if (error)
        return error;
    return descriptors_add_or_release(&process->descriptors, &socket->file,
                                      (type & SOCK_CLOEXEC) != 0);
}

int socket_open_pair(struct process *process, int family, int type, int protocol, int out_fds[2])
{
    struct socket *sockets[2];
    if (family != AF_UNIX)
        return family == AF_INET || family == AF_INET6 ? -EOPNOTSUPP : -EAFNOSUPPORT;
    for (size_t i = 0; i < 2; i++) {
        int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
        int error = make_unix(process->machine, type, kind, protocol, &sockets[i]);
        if (error)
            return error; /* of the first: both are asked for alike */
    }
    unix_pair(sockets[0], sockets[1]);
    for (size_t i = 0; i < 2; i++) {
        out_fds[i] = descriptors_add_or_release(&process->descriptors, &sockets[i]->file,
                                                (type & SOCK_CLOEXEC) != 0);
        if (out_fds[i] >= 0)
            continue;
        int error = out_fds[i];
        if (i == 0)
            file_release(&sockets[1]->file);
        else
            (void)descriptors_close(&process->descriptors, out_fds[0]);
        return error;
    }
    return 0;
}

/* --- addresses and connections --- */

int socket_bind(struct process *process, struct file *file, const struct sockaddr *name,
                socklen_t length)
{
    struct socket *socket = socket_of(file);
    return socket ? socket->calls->bind(process, socket, name, length) : -ENOTSOCK;
}

int socket_listen(struct file *file, int backlog)
{
    struct socket *socket = socket_of(file);
    if (!socket)
        return -ENOTSOCK;
    return socket->calls->listen ? socket->calls->listen(socket, backlog) : -EOPNOTSUPP;
}

int socket_accept(struct process *process, struct file *file, struct sockaddr *out_name,
                  socklen_t *length, int flags)
{
    struct socket *socket = socket_of(file);
    struct socket *accepted;
    if (!socket)
        return -ENOTSOCK;
    if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC))
        return -EINVAL;
    if (!socket->calls->accept)
        return -EOPNOTSUPP;
    if (!descriptors_have_room(&process->descriptors))
        return -EMFILE; /* the connection stays in the queue */
    int error = socket->calls->accept(socket, &accepted);
    if (error)
        return error;
    accepted->file.flags |= flags & SOCK_NONBLOCK ? O_NONBLOCK : 0;
    if (out_name && accepted->calls->name(accepted, true, out_name, length)) {
        file_release(&accepted->file);
        return -ECONNABORTED; /* __sys_accept4 in Linux's net/socket.c */
    }
    return descriptors_add_or_release(&process->descriptors, &accepted->file,
                                      (flags & SOCK_CLOEXEC) != 0);
}

int socket_connect(struct process *process, struct file *file, const struct sockaddr *name,
                   socklen_t length)
{
    struct socket *socket = socket_of(file);
    return socket ? socket->calls->connect(process, socket, name, length) : -ENOTSOCK;
}

int socket_connected(struct file *file)
{
    struct socket *socket = socket_of(file);
    if (!socket)
        return -ENOTSOCK;
    return socket->calls->connected ? socket->calls->connected(socket) : 0;
}

bool socket_is_stream(const struct file *file)
{
    if (!file->kind->is_socket)
        return false;
    int type = ((const struct socket *)file)->type;
    return type == SOCK_STREAM || type == SOCK_SEQPACKET;
}

bool socket_sends_without_copy(const struct file *file)
{
    return file->kind->is_socket && ((const struct socket *)file)->calls->hold;
}

bool socket_hold(struct file *file, struct socket_holder *holder)
{
    struct socket *socket = socket_of(file);
    return socket->calls->hold(socket, holder);
}

int socket_shutdown(struct file *file, int how)
{
    struct socket *socket = socket_of(file);
    if (!socket)
        return -ENOTSOCK;
    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
        return -EINVAL;
    return socket->calls->shutdown(socket, how + 1);
}

int socket_name(struct file *file, struct sockaddr *out_name, socklen_t *length)
{
    struct socket *socket = socket_of(file);
    return socket ? socket->calls->name(socket, false, out_name, length) : -ENOTSOCK;
}

int socket_peer_name(struct file *file, struct sockaddr *out_name, socklen_t *length)
{
    struct socket *socket = socket_of(file);
    return socket ? socket->calls->name(socket, true, out_name, length) : -ENOTSOCK;
}

/* --- messages --- */

int64_t socket_send(struct process *process, struct file *file, const struct msghdr *message,
                    int flags)
{
    struct socket *socket = socket_of(file);
    if (!socket)
        return -ENOTSOCK;
    return message->msg_iovlen > UIO_MAXIOV ? -EMSGSIZE
                                            : socket->calls->send(process, socket, message, flags);
}

int64_t socket_receive(struct process *process, struct file *file, struct msghdr *message,
                       int flags)
{
    struct socket *socket = socket_of(file);
    if (!socket)
        return -ENOTSOCK;
    return message->msg_iovlen > UIO_MAXIOV
               ? -EMSGSIZE
               : socket->calls->receive(process, socket, message, flags);
}
