/* unix_connect.c - connections of unix sockets: made whole by connect(2), before anybody accepts
 * them. */
#include "sim/net/unix.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>

/* --- who listens --- */

enum { BACKLOG_MOST = 4096 };

int unix_listen(struct socket *socket, int backlog)
{
    struct unix_socket *unix = (struct unix_socket *)socket;
    if (!unix_has_connections(unix))
        return -EOPNOTSUPP;
    if (unix->name.length == 0 || unix->state == TCP_ESTABLISHED)
        return -EINVAL;
    unsigned wanted = (unsigned)backlog;
    unix->backlog = wanted > BACKLOG_MOST ? BACKLOG_MOST : backlog;
    unix->state = TCP_LISTEN;
    socket->listens = true;
    unix_has_room(unix);
    return 0;
}

static struct unix_socket *take_first(struct unix_socket *listener)
{
    struct unix_socket *unix = listener->first_waiting;
    if (!unix)
        return NULL;
    listener->first_waiting = unix->next_waiting;
    if (!listener->first_waiting)
        listener->last_waiting = NULL;
    listener->waiting--;
    return unix;
}

int unix_accept(struct socket *socket, struct socket **out_socket)
{
    struct unix_socket *listener = (struct unix_socket *)socket;
    if (!unix_has_connections(listener))
        return -EOPNOTSUPP;
    if (listener->state != TCP_LISTEN)
        return -EINVAL;
    struct unix_socket *unix = take_first(listener);
    if (!unix)
        return -EAGAIN;
    unix_has_room(listener);
    *out_socket = &unix->socket;
    return 0;
}

/* --- connecting --- */

static void join(struct unix_socket *unix, struct unix_socket *peer)
{
    unix_hold(peer);
    unix->peer = peer;
    unix->peer_name = peer->name;
    unix->state = TCP_ESTABLISHED;
}

static int call(struct unix_socket *unix, struct unix_socket *listener)
{
    if (listener->socket.type != unix->socket.type)
        return -EPROTOTYPE;
    if (listener->state != TCP_LISTEN || listener->socket.shut & SHUT_FOR_READING)
        return -ECONNREFUSED;
    if (listener->waiting > listener->backlog) {
        unix->full = listener;
        return -EAGAIN;
    }
    if (unix->state != TCP_CLOSE)
        return unix->state == TCP_LISTEN ? -EINVAL : -EISCONN;
    struct unix_socket *accepted = unix_create(listener->socket.machine, listener->socket.type);
    accepted->name = listener->name;
    join(accepted, unix);
    join(unix, accepted);
    *(listener->last_waiting ? &listener->last_waiting->next_waiting : &listener->first_waiting) =
        accepted;
    listener->last_waiting = accepted;
    listener->waiting++;
    file_wake(&listener->socket.file, POLLIN | POLLPRI | POLLRDNORM | POLLRDBAND);
    return 0;
}

static void part(struct unix_socket *unix)
{
    struct unix_socket *peer = unix->peer;
    unix->peer = NULL;
    unix->peer_name.length = 0;
    unix->state = TCP_CLOSE;
    if (peer)
        unix_release(peer);
}

/* From one receiver to another: what had come is lost, and who was connected to this one is told
 * (unix_dgram_disconnected in Linux). */
static void part_from_receiver(struct unix_socket *unix, struct unix_socket *next)
{
    struct unix_socket *peer = unix->peer;
    if (peer && peer != next && unix->first) {
        unix_drop_all(unix);
        if (!peer->is_dead && peer->peer == unix) {
            peer->socket.error = -ECONNRESET;
            file_wake(&peer->socket.file, POLLERR);
        }
    }
    part(unix);
}

static int join_receiver(struct unix_socket *unix, struct unix_socket *receiver)
{
    if (receiver->socket.type != SOCK_DGRAM)
        return -EPROTOTYPE;
    if (receiver->peer && receiver->peer != unix)
        return -EPERM;
    part_from_receiver(unix, receiver);
    join(unix, receiver);
    file_wake(&unix->socket.file, POLLOUT | POLLWRNORM | POLLWRBAND);
    return 0;
}

int unix_connect(struct process *process, struct socket *socket, const struct sockaddr *name,
                 socklen_t length)
{
    struct unix_socket *unix = (struct unix_socket *)socket;
    struct unix_socket *other;
    struct unix_name to;
    if (length < sizeof name->sa_family)
        return -EINVAL;
    if (!unix_has_connections(unix) && name->sa_family == AF_UNSPEC) {
        part_from_receiver(unix, NULL);
        return 0;
    }
    int error = unix_names_read(name, length, &to);
    if (!error && to.length <= sizeof to.name.sun_family)
        error = -EINVAL;
    if (!error)
        error = unix_names_find(process, &to, socket->type, &other);
    if (error)
        return error;
    return unix_has_connections(unix) ? call(unix, other) : join_receiver(unix, other);
}

void unix_pair(struct socket *one, struct socket *other)
{
    join((struct unix_socket *)one, (struct unix_socket *)other);
    join((struct unix_socket *)other, (struct unix_socket *)one);
}

/* --- ends --- */

static void shut_peer(struct unix_socket *peer, int how)
{
    peer->socket.shut |= how;
    file_wake(&peer->socket.file, 0);
}

int unix_shutdown(struct socket *socket, int how)
{
    struct unix_socket *unix = (struct unix_socket *)socket;
    socket->shut |= how;
    file_wake(&socket->file, 0);
    if (unix->peer && unix_has_connections(unix))
        shut_peer(unix->peer, (how & SHUT_FOR_READING ? SHUT_FOR_WRITING : 0) |
                                  (how & SHUT_FOR_WRITING ? SHUT_FOR_READING : 0));
    unix_has_room(unix);
    return 0;
}

static void reset_waiting(struct unix_socket *listener)
{
    struct unix_socket *unix;
    while ((unix = take_first(listener))) {
        unix->peer->socket.error = -ECONNRESET;
        file_release(&unix->socket.file);
    }
}

/* Packets of no bytes do not count, as in Linux 6.18. */
static bool has_unread_bytes(const struct unix_socket *unix)
{
    const struct unix_message *message = unix->first;
    while (message && message->size == 0)
        message = message->next;
    return message;
}

void unix_leave(struct unix_socket *unix)
{
    reset_waiting(unix);
    unix->socket.shut = SHUT_FOR_BOTH;
    struct unix_socket *peer = unix->peer;
    if (peer && unix_has_connections(unix) && !peer->is_dead) {
        if (has_unread_bytes(unix))
            peer->socket.error = -ECONNRESET;
        shut_peer(peer, SHUT_FOR_BOTH);
    }
    part(unix);
    unix_has_room(unix);
}
