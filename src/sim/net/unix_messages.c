/* unix_messages.c - sending and receiving: unix_stream_sendmsg, unix_dgram_sendmsg and what reads
 * them in Linux's net/unix/af_unix.c. */
#include "sim/net/unix.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>

enum {
    OVERHEAD = 512,            /* what a message takes besides its bytes, about (SKB_TRUESIZE) */
    PIECE_MOST = 32768 + 3520, /* of a stream: UNIX_SKB_FRAGS_SZ and a page's rest */
};

static size_t charge_of(size_t size)
{
    return (size + OVERHEAD + 255) / 256 * 256;
}

/* --- room --- */

/* unix_writable: a quarter of the buffer. */
static bool has_room(const struct unix_socket *unix)
{
    return unix->state != TCP_LISTEN &&
           unix->charged * 4 <= (size_t)unix->socket.options.send_bytes;
}

static bool is_full(const struct unix_socket *unix, const struct unix_socket *sender)
{
    enum { DATAGRAMS_MOST = 10 }; /* net.unix.max_dgram_qlen */
    return unix != sender && unix->peer != sender && unix->count > DATAGRAMS_MOST;
}

bool unix_is_writable(struct unix_socket *unix)
{
    if (!has_room(unix))
        return false;
    bool fills = unix->socket.type == SOCK_DGRAM && unix->peer && is_full(unix->peer, unix);
    if (fills)
        unix->full = unix->peer;
    return !fills;
}

/* --- the queue --- */

static void put(struct unix_socket *to, struct unix_message *message)
{
    *(to->last ? &to->last->next : &to->first) = message;
    to->last = message;
    to->count++;
    file_wake(&to->socket.file, POLLIN | POLLPRI | POLLRDNORM | POLLRDBAND);
}

static void drop(struct unix_message *message)
{
    struct unix_socket *sender = message->sender;
    unix_rights_drop(message);
    sender->charged -= charge_of(message->size);
    if (!sender->is_dead && has_room(sender))
        file_wake(&sender->socket.file, POLLOUT | POLLWRNORM | POLLWRBAND);
    memory_own_free(message);
    unix_release(sender);
}

static void take_out(struct unix_socket *unix)
{
    struct unix_message *message = unix->first;
    unix->first = message->next;
    if (!unix->first)
        unix->last = NULL;
    unix->count--;
    drop(message);
    unix_has_room(unix);
}

void unix_drop_all(struct unix_socket *unix)
{
    while (unix->first)
        take_out(unix);
}

static struct unix_message *prepare(struct unix_socket *sender, const struct msghdr *from,
                                    size_t at, size_t size)
{
    struct unix_message *message = memory_own(sizeof *message + size);
    message->sender = sender;
    unix_hold(sender);
    message->from = sender->name;
    message->size = size;
    sender->charged += charge_of(size);
    vector_take(from->msg_iov, (int)from->msg_iovlen, at, message->bytes, size);
    return message;
}

/* --- sending --- */

static int64_t send_stream(struct process *process, struct unix_socket *unix,
                           const struct msghdr *message)
{
    struct unix_socket *peer = unix->peer;
    size_t most = (size_t)unix->socket.options.send_bytes;
    size_t size = vector_bytes(message->msg_iov, (int)message->msg_iovlen);
    size_t sent = 0;
    if (message->msg_namelen > 0)
        return unix->state == TCP_ESTABLISHED ? -EISCONN : -EOPNOTSUPP;
    if (!peer)
        return -ENOTCONN;
    if (unix->socket.shut & SHUT_FOR_WRITING)
        return -EPIPE;
    while (sent < size) {
        size_t piece = size - sent < most / 2 - 64 ? size - sent : most / 2 - 64;
        if (piece > PIECE_MOST)
            piece = PIECE_MOST;
        if (unix->charged >= most)
            return sent > 0 ? (int64_t)sent : -EAGAIN;
        struct unix_message *part = prepare(unix, message, sent, piece);
        int error = sent == 0 ? unix_rights_take(process, message, part) : 0;
        if (!error && (peer->is_dead || peer->socket.shut & SHUT_FOR_READING))
            error = -EPIPE;
        if (error) {
            drop(part);
            return sent > 0 ? (int64_t)sent : error;
        }
        put(peer, part);
        sent += piece;
    }
    return (int64_t)sent;
}

/* Who it is for: who is named, or the peer. */
static int find_receiver(struct process *process, struct unix_socket *unix,
                         const struct msghdr *message, struct unix_socket **out_receiver)
{
    bool named = message->msg_namelen > 0 && unix->socket.type == SOCK_DGRAM;
    if (!named) {
        *out_receiver = unix->peer;
        return unix->peer ? 0 : -ENOTCONN;
    }
    struct unix_name name;
    int error = unix_names_read(message->msg_name, message->msg_namelen, &name);
    if (!error)
        error = unix_names_find(process, &name, SOCK_DGRAM, out_receiver);
    if (error)
        return error;
    if ((*out_receiver)->socket.type != SOCK_DGRAM)
        return -EPROTOTYPE;
    return 0;
}

static int receiver_has_gone(struct unix_socket *unix, struct unix_socket *receiver)
{
    if (unix->socket.type == SOCK_SEQPACKET)
        return -EPIPE;
    unix_drop_all(unix);
    unix->peer = NULL;
    unix->peer_name.length = 0;
    unix->state = TCP_CLOSE;
    unix_release(receiver);
    return -ECONNREFUSED;
}

static int may_receive(struct unix_socket *unix, struct unix_socket *receiver)
{
    if (receiver->peer && receiver->peer != unix)
        return -EPERM;     /* it takes from its own peer alone */
    if (receiver->is_dead) /* the peer, then: no other is found */
        return receiver_has_gone(unix, receiver);
    if (receiver->socket.shut & SHUT_FOR_READING)
        return -EPIPE;
    if (unix->socket.type == SOCK_DGRAM && is_full(receiver, unix)) {
        unix->full = receiver;
        return -EAGAIN;
    }
    return 0;
}

static int64_t send_packet(struct process *process, struct unix_socket *unix,
                           const struct msghdr *message)
{
    struct unix_socket *receiver;
    size_t most = (size_t)unix->socket.options.send_bytes;
    size_t size = vector_bytes(message->msg_iov, (int)message->msg_iovlen);
    if (size > most - 32)
        return -EMSGSIZE;
    if (unix->socket.error)
        return socket_base_take_error(&unix->socket);
    if (unix->socket.shut & SHUT_FOR_WRITING)
        return -EPIPE;
    if (unix->charged >= most)
        return -EAGAIN;
    int error = find_receiver(process, unix, message, &receiver);
    if (!error)
        error = may_receive(unix, receiver);
    if (error)
        return error;
    struct unix_message *packet = prepare(unix, message, 0, size);
    error = unix_rights_take(process, message, packet);
    if (error)
        drop(packet);
    else
        put(receiver, packet);
    return error ? error : (int64_t)size;
}

int64_t unix_send(struct process *process, struct socket *socket, const struct msghdr *message,
                  int flags)
{
    struct unix_socket *unix = (struct unix_socket *)socket;
    if (flags & MSG_OOB)
        return -EOPNOTSUPP; /* a kernel without CONFIG_AF_UNIX_OOB */
    if (socket->type == SOCK_STREAM)
        return send_stream(process, unix, message);
    if (socket->type == SOCK_SEQPACKET && socket->error)
        return socket_base_take_error(socket);
    if (socket->type == SOCK_SEQPACKET && unix->state != TCP_ESTABLISHED)
        return -ENOTCONN;
    return send_packet(process, unix, message);
}

/* --- receiving --- */

static void tell_from(const struct unix_message *from, struct msghdr *message)
{
    if (!message->msg_name)
        return;
    socklen_t length = from->from.length;
    memcpy(message->msg_name, &from->from.name,
           length < message->msg_namelen ? length : message->msg_namelen);
    message->msg_namelen = length;
}

static int64_t nothing(struct unix_socket *unix)
{
    if (unix->socket.error)
        return socket_base_take_error(&unix->socket);
    bool ends = unix->socket.shut & SHUT_FOR_READING && unix_has_connections(unix);
    return ends ? 0 : -EAGAIN;
}

/* Messages are read as one, up to the end of one with descriptors. */
static int64_t receive_stream(struct process *process, struct unix_socket *unix,
                              struct msghdr *message, int flags)
{
    size_t wanted = vector_bytes(message->msg_iov, (int)message->msg_iovlen);
    size_t room = message->msg_controllen;
    size_t copied = 0;
    bool peeks = (flags & MSG_PEEK) != 0;
    bool passed = false;
    message->msg_controllen = 0;
    struct unix_message *part = unix->first;
    if (!part) {
        message->msg_controllen = room;
        return nothing(unix);
    }
    while (part && copied < wanted && !passed) {
        struct unix_message *next = part->next;
        size_t left = part->size - part->taken;
        size_t size = left < wanted - copied ? left : wanted - copied;
        if (!(flags & MSG_TRUNC))
            vector_put(message->msg_iov, (int)message->msg_iovlen, copied,
                       part->bytes + part->taken, size);
        copied += size;
        passed = part->right_count > 0;
        if (passed) {
            message->msg_controllen = room;
            unix_rights_give(process, part, message, flags);
        }
        if (!peeks) {
            part->taken += size;
            if (part->taken < part->size)
                break;
            take_out(unix);
        }
        part = next;
    }
    return (int64_t)copied;
}

static int64_t receive_packet(struct process *process, struct unix_socket *unix,
                              struct msghdr *message, int flags)
{
    struct unix_message *packet = unix->first;
    if (unix->socket.error)
        return socket_base_take_error(
            &unix->socket); /* before what has come: datagram.c in Linux */
    if (!packet)
        return nothing(unix);
    size_t copied =
        vector_put(message->msg_iov, (int)message->msg_iovlen, 0, packet->bytes, packet->size);
    if (copied < packet->size)
        message->msg_flags |= MSG_TRUNC;
    if (unix->socket.type == SOCK_DGRAM)
        tell_from(packet, message);
    else
        message->msg_namelen = 0;
    unix_rights_give(process, packet, message, flags);
    int64_t result = (int64_t)(flags & MSG_TRUNC ? packet->size : copied);
    if (!(flags & MSG_PEEK))
        take_out(unix);
    return result;
}

int64_t unix_receive(struct process *process, struct socket *socket, struct msghdr *message,
                     int flags)
{
    struct unix_socket *unix = (struct unix_socket *)socket;
    if (flags & MSG_ERRQUEUE)
        return -EAGAIN;
    if (flags & MSG_OOB)
        return -EOPNOTSUPP;
    if (unix->first)
        message->msg_flags = 0; /* where it fails the message stays as it is */
    if (socket->type == SOCK_STREAM) {
        if (unix->first)
            message->msg_namelen = 0;
        return unix->state == TCP_ESTABLISHED ? receive_stream(process, unix, message, flags)
                                              : -EINVAL;
    }
    if (socket->type == SOCK_SEQPACKET && unix->state != TCP_ESTABLISHED)
        return -ENOTCONN;
    return receive_packet(process, unix, message, flags);
}
