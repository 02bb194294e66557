/* tcp_bytes.c - sending and receiving, each as far as it goes at this moment: tcp_sendmsg_locked
 * and tcp_recvmsg_locked in Linux's net/ipv4/tcp.c. */
#include "sim/net/tcp.h"

#include <errno.h>
#include <poll.h>

/* --- sending --- */

/* sk_stream_error: the error that is there takes the place of EPIPE. */
static int64_t is_broken(struct socket *socket)
{
    int error = socket_base_take_error(socket);
    return error ? error : -EPIPE;
}

static int64_t may_not_send(struct tcp *tcp)
{
    struct socket *socket = &tcp->inet.socket;
    bool ready = tcp->state == TCP_ESTABLISHED || tcp->state == TCP_CLOSE_WAIT;
    if (!ready && socket->error)
        return socket_base_take_error(socket);
    if (tcp->state == TCP_SYN_SENT || tcp->state == TCP_SYN_RECV)
        return -EAGAIN;
    if (!ready || socket->error || socket->shut & SHUT_FOR_WRITING)
        return is_broken(socket);
    return 0;
}

int64_t tcp_send(struct process *process, struct socket *socket, const struct msghdr *message,
                 int flags)
{
    (void)process;
    struct tcp *tcp = (struct tcp *)socket;
    int64_t error = may_not_send(tcp);
    if (error)
        return error;
    int parts = (int)message->msg_iovlen;
    size_t size = vector_bytes(message->msg_iov, parts);
    size_t room = tcp_room_to_send(tcp);
    size_t taken = size < room ? size : room;
    if (taken < size)
        socket->wants_room = true;
    if (taken == 0)
        return size == 0 ? 0 : -EAGAIN;
    bytes_put(&tcp->sending, message->msg_iov, parts, 0, taken);
    if (flags & MSG_OOB && taken == size) {
        tcp->has_urgent = true;
        tcp->urgent_sent = tcp_end(tcp) - 1;
    }
    tcp_push(tcp);
    return (int64_t)taken;
}

/* --- receiving --- */

uint64_t tcp_taken(const struct tcp *tcp)
{
    return tcp->expected - tcp->fin_came - tcp->received.count;
}

static int64_t receive_urgent(struct tcp *tcp, struct msghdr *message, int flags)
{
    struct socket *socket = &tcp->inet.socket;
    if (socket->options.urgent_inline || tcp->urgent == URGENT_NONE || tcp->urgent == URGENT_TAKEN)
        return -EINVAL;
    if (tcp->state == TCP_CLOSE && !tcp->fin_came)
        return -ENOTCONN;
    if (tcp->urgent == URGENT_COMING)
        return tcp->state == TCP_CLOSE || socket->shut & SHUT_FOR_READING ? 0 : -EAGAIN;
    if (!(flags & MSG_PEEK))
        tcp->urgent = URGENT_TAKEN;
    message->msg_flags |= MSG_OOB;
    if (vector_put(message->msg_iov, (int)message->msg_iovlen, 0, &tcp->urgent_byte, 1) == 1)
        return 1;
    message->msg_flags |= MSG_TRUNC;
    return 0;
}

static int64_t nothing_to_receive(struct tcp *tcp)
{
    struct socket *socket = &tcp->inet.socket;
    if (tcp->fin_came)
        return 0;
    if (socket->error)
        return socket_base_take_error(socket);
    if (socket->shut & SHUT_FOR_READING)
        return 0;
    return tcp->state == TCP_CLOSE ? -ENOTCONN : -EAGAIN;
}

/* The urgent byte is not among the others, and a read ends before it: what it is asked first gives
 * how many bytes may be read from place `at` on. */
static bool is_urgent_at(const struct tcp *tcp, size_t at)
{
    return tcp->urgent != URGENT_NONE && tcp->urgent_at == tcp_taken(tcp) + at;
}

static size_t up_to_urgent(const struct tcp *tcp, size_t at, size_t size)
{
    uint64_t from = tcp_taken(tcp) + at;
    if (tcp->urgent == URGENT_NONE || tcp->urgent_at < from || tcp->urgent_at - from >= size)
        return size;
    return (size_t)(tcp->urgent_at - from);
}

static void take_out(struct tcp *tcp, size_t size)
{
    bytes_drop(&tcp->received, size);
    if (tcp->urgent != URGENT_NONE && tcp->urgent_at < tcp_taken(tcp))
        tcp->urgent = URGENT_NONE;
    tcp_offer_room(tcp);
}

static int64_t receive(struct tcp *tcp, struct msghdr *message, int flags)
{
    struct socket *socket = &tcp->inet.socket;
    if (flags & MSG_ERRQUEUE)
        return -EAGAIN;
    if (tcp->state == TCP_LISTEN)
        return -ENOTCONN;
    if (flags & MSG_OOB)
        return receive_urgent(tcp, message, flags);
    int parts = (int)message->msg_iovlen;
    size_t wanted = vector_bytes(message->msg_iov, parts);
    bool skips = is_urgent_at(tcp, 0) && !socket->options.urgent_inline && wanted > 0;
    size_t at = skips && tcp->received.count > 0 ? 1 : 0;
    size_t size = tcp->received.count - at < wanted ? tcp->received.count - at : wanted;
    if (!is_urgent_at(tcp, 0))
        size = up_to_urgent(tcp, at, size);
    if (size > 0 && !(flags & MSG_TRUNC))
        bytes_copy_to_vector(&tcp->received, at, message->msg_iov, parts, 0, size);
    if (at + size > 0 && !(flags & MSG_PEEK))
        take_out(tcp, at + size);
    if (size > 0)
        return (int64_t)size;
    return wanted == 0 && tcp->received.count > 0 ? 0 : nothing_to_receive(tcp);
}

/* Where it fails the message stays as it is. */
int64_t tcp_receive(struct process *process, struct socket *socket, struct msghdr *message,
                    int flags)
{
    (void)process;
    int before = message->msg_flags;
    message->msg_flags = 0;
    int64_t result = receive((struct tcp *)socket, message, flags);
    if (result < 0)
        message->msg_flags = before;
    else
        message->msg_controllen = message->msg_namelen = 0;
    return result;
}

/* --- sends without a copy --- */

bool tcp_hold(struct socket *socket, struct socket_holder *holder)
{
    struct tcp *tcp = (struct tcp *)socket;
    if (tcp->state == TCP_CLOSE || tcp->acknowledged >= tcp_end(tcp))
        return false;
    holder->until = tcp_end(tcp);
    holder->link = &tcp->holders;
    holder->next = tcp->holders;
    if (holder->next)
        holder->next->link = &holder->next;
    tcp->holders = holder;
    return true;
}

void tcp_let_go(struct tcp *tcp, uint64_t up_to)
{
    struct socket_holder *next;
    for (struct socket_holder *holder = tcp->holders; holder; holder = next) {
        next = holder->next;
        if (holder->until > up_to)
            continue;
        socket_base_hold_no_more(holder);
        holder->let_go(holder);
    }
}
