/* udp.c - see the header. What arrives where nobody has the port is answered (ICMP), which a socket
 * that is connected to it learns: ECONNREFUSED (udp(7)). What the receiver has no room for is lost
 * without a word. */
#include "sim/net/udp.h"
#include "sim/world/luck.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>

struct datagram {
    struct datagram *next;
    struct address from;
    size_t size;
    bool damaged; /* its checksum is wrong, which is seen when somebody wants its bytes */
    unsigned char bytes[];
};

struct udp {
    struct inet inet;
    struct datagram *first, *last;
    size_t charged; /* what waits to be read, and what it takes besides */
    uint64_t in_order_ns;
};

enum { SIZE_MOST = 65507, OVERHEAD = 512, DAMAGED_PER_MILLION = 2000 };

/* --- the queue --- */

static void take_out(struct udp *udp)
{
    struct datagram *datagram = udp->first;
    udp->first = datagram->next;
    if (!udp->first)
        udp->last = NULL;
    udp->charged -= datagram->size + OVERHEAD;
    memory_own_free(datagram);
}

static void drop_damaged(struct udp *udp)
{
    while (udp->first && udp->first->damaged)
        take_out(udp);
}

/* No wire damages what stays on the machine. */
static bool is_damaged(const struct packet *packet)
{
    return address_find(&packet->source, packet->to) != packet->to &&
           luck_fails(HARK_SIM_FAULT_LINK, DAMAGED_PER_MILLION);
}

static void put(struct udp *udp, const struct packet *packet)
{
    struct datagram *datagram = memory_own(sizeof *datagram + packet->size);
    datagram->from = packet->source;
    datagram->size = packet->size;
    datagram->damaged = is_damaged(packet);
    memcpy(datagram->bytes, packet->bytes, packet->size);
    *(udp->last ? &udp->last->next : &udp->first) = datagram;
    udp->last = datagram;
    udp->charged += packet->size + OVERHEAD;
    file_wake(&udp->inet.socket.file, POLLIN | POLLPRI | POLLRDNORM | POLLRDBAND);
}

/* --- arriving --- */

static void refusal_arrived(struct packet *packet)
{
    struct udp *udp =
        (struct udp *)ports_find_paired(packet->to, SOCK_DGRAM, &packet->target, &packet->source);
    if (!udp)
        return;
    udp->inet.socket.error = -ECONNREFUSED;
    file_wake(&udp->inet.socket.file, POLLERR);
}

static void refuse(const struct packet *packet)
{
    struct packet *answer = network_packet(0);
    answer->source = packet->target;
    answer->target = packet->source;
    answer->arrived = refusal_arrived;
    network_send(packet->to, answer, NULL);
}

static void arrived(struct packet *packet)
{
    struct udp *udp =
        (struct udp *)ports_find_paired(packet->to, SOCK_DGRAM, &packet->target, &packet->source);
    if (!udp)
        udp = (struct udp *)ports_find_bound(packet->to, SOCK_DGRAM, &packet->target,
                                             &packet->source);
    if (!udp)
        refuse(packet);
    else if (udp->charged == 0 || udp->charged + packet->size + OVERHEAD <=
                                      (size_t)udp->inet.socket.options.receive_bytes)
        put(udp, packet);
}

/* --- sending --- */

/* Bound to a port of its own, if it has none. */
static int bind_any(struct udp *udp)
{
    struct address any = {.ip = udp->inet.local.ip};
    if (udp->inet.is_bound)
        return 0;
    int error = ports_bind(&udp->inet, &any);
    return error == -EADDRINUSE ? -EAGAIN : error;
}

static int find_target(struct udp *udp, const struct msghdr *message, struct address *out_to)
{
    if (message->msg_namelen == 0) {
        *out_to = udp->inet.remote;
        return udp->inet.remote.port ? 0 : -EDESTADDRREQ;
    }
    int error =
        address_read(message->msg_name, message->msg_namelen, udp->inet.socket.family, out_to);
    if (error)
        return error;
    if (out_to->port == 0)
        return -EINVAL;
    address_complete(out_to);
    return address_has_way(out_to) ? 0 : -ENETUNREACH;
}

/* Datagrams leave by themselves. */
static bool hold_nothing(struct socket *socket, struct socket_holder *holder)
{
    (void)socket;
    (void)holder;
    return false;
}

static int64_t send_udp(struct process *process, struct socket *socket,
                        const struct msghdr *message, int flags)
{
    (void)process;
    struct udp *udp = (struct udp *)socket;
    struct machine *machine = socket->machine;
    size_t size = vector_bytes(message->msg_iov, (int)message->msg_iovlen);
    struct address to;
    int error = bind_any(udp); /* first of all: inet_send_prepare */
    if (error)
        return error;
    if (size > SIZE_MOST)
        return -EMSGSIZE;
    if (flags & MSG_OOB)
        return -EOPNOTSUPP;
    error = find_target(udp, message, &to);
    if (error)
        return error;
    if (socket->error)
        return socket_base_take_error(socket);
    if (socket->shut & SHUT_FOR_WRITING)
        return -EPIPE;
    struct packet *packet = network_packet(size);
    packet->source = udp->inet.local;
    if (address_is_any(&packet->source))
        packet->source.ip = address_of_source(&to, machine);
    packet->target = to;
    packet->arrived = arrived;
    vector_take(message->msg_iov, (int)message->msg_iovlen, 0, packet->bytes, size);
    bool stays = address_find(&to, machine) == machine;
    network_send(machine, packet, stays ? &udp->in_order_ns : NULL);
    return (int64_t)size;
}

/* --- receiving --- */

static void tell_from(const struct udp *udp, const struct datagram *datagram,
                      struct msghdr *message)
{
    if (message->msg_name)
        address_write(&datagram->from, udp->inet.socket.family, message->msg_name,
                      &message->msg_namelen);
}

static int64_t receive_udp(struct process *process, struct socket *socket, struct msghdr *message,
                           int flags)
{
    (void)process;
    struct udp *udp = (struct udp *)socket;
    if (flags & MSG_ERRQUEUE)
        return -EAGAIN;
    if (socket->error)
        return socket_base_take_error(socket);
    drop_damaged(udp);
    struct datagram *datagram = udp->first;
    if (!datagram)
        return -EAGAIN;
    size_t copied =
        vector_put(message->msg_iov, (int)message->msg_iovlen, 0, datagram->bytes, datagram->size);
    if (copied < datagram->size)
        message->msg_flags |= MSG_TRUNC;
    tell_from(udp, datagram, message);
    int64_t result = (int64_t)(flags & MSG_TRUNC ? datagram->size : copied);
    if (!(flags & MSG_PEEK))
        take_out(udp);
    return result;
}

/* --- calls --- */

static int bind_udp(struct process *process, struct socket *socket, const struct sockaddr *name,
                    socklen_t length)
{
    (void)process;
    struct udp *udp = (struct udp *)socket;
    struct address address;
    int error = address_read(name, length, socket->family, &address);
    if (error)
        return error;
    return udp->inet.is_bound ? -EINVAL : ports_bind(&udp->inet, &address);
}

static void disconnect(struct udp *udp)
{
    ports_unpair(&udp->inet);
    udp->inet.remote = (struct address){.port = 0};
    if (udp->inet.chose_address)
        return;
    udp->inet.local.ip = address_any_like(&udp->inet.local);
}

static int connect_udp(struct process *process, struct socket *socket, const struct sockaddr *name,
                       socklen_t length)
{
    (void)process;
    struct udp *udp = (struct udp *)socket;
    struct address to;
    if (length < sizeof name->sa_family)
        return -EINVAL;
    if (name->sa_family == AF_UNSPEC) {
        disconnect(udp);
        return 0;
    }
    int error = bind_any(udp); /* whatever comes of it: inet_dgram_connect */
    if (!error)
        error = address_read(name, length, socket->family, &to);
    if (error)
        return error;
    address_complete(&to);
    if (!address_has_way(&to))
        return -ENETUNREACH;
    disconnect(udp);
    udp->inet.remote = to;
    if (address_is_any(&udp->inet.local))
        udp->inet.local.ip = address_of_source(&to, socket->machine);
    return ports_pair(&udp->inet);
}

static int shutdown_udp(struct socket *socket, int how)
{
    socket->shut |= how;
    file_wake(&socket->file, 0);
    return ((struct udp *)socket)->inet.remote.port ? 0 : -ENOTCONN;
}

static int name_udp(struct socket *socket, bool of_peer, struct sockaddr *out_name,
                    socklen_t *length)
{
    const struct inet *inet = (const struct inet *)socket;
    if (of_peer && inet->remote.port == 0)
        return -ENOTCONN;
    address_write(of_peer ? &inet->remote : &inet->local, socket->family, out_name, length);
    return 0;
}

static int set_option_udp(struct socket *socket, int level, int option, int value)
{
    struct inet *inet = (struct inet *)socket;
    if (level != IPPROTO_IPV6 || option != IPV6_V6ONLY || socket->family != AF_INET6)
        return -ENOPROTOOPT;
    if (inet->is_bound)
        return -EINVAL;
    inet->only_6 = value != 0;
    return 0;
}

static int get_option_udp(struct socket *socket, int level, int option, int *out_value)
{
    if (level != IPPROTO_IPV6 || option != IPV6_V6ONLY || socket->family != AF_INET6)
        return -ENOPROTOOPT;
    *out_value = ((const struct inet *)socket)->only_6;
    return 0;
}

static const struct socket_calls udp_calls = {
    .bind = bind_udp,
    .connect = connect_udp,
    .shutdown = shutdown_udp,
    .send = send_udp,
    .hold = hold_nothing,
    .receive = receive_udp,
    .set_option = set_option_udp,
    .get_option = get_option_udp,
    .name = name_udp,
};

/* --- the file --- */

static void close_udp(struct file *file)
{
    struct udp *udp = (struct udp *)file;
    while (udp->first)
        take_out(udp);
    ports_release(&udp->inet);
    memory_own_free(udp);
}

/* What is sent leaves at once: there is always room. Whoever would block is told of whole datagrams
 * alone (udp_poll in net/ipv4/udp.c). */
static uint32_t poll_udp(struct file *file)
{
    struct udp *udp = (struct udp *)file;
    int shut = udp->inet.socket.shut;
    if (!(file->flags & O_NONBLOCK))
        drop_damaged(udp);
    return POLLOUT | POLLWRNORM | POLLWRBAND | (udp->inet.socket.error ? (uint32_t)POLLERR : 0) |
           (shut & SHUT_FOR_READING ? (uint32_t)(POLLRDHUP | POLLIN | POLLRDNORM) : 0) |
           (shut == SHUT_FOR_BOTH ? (uint32_t)POLLHUP : 0) |
           (udp->first ? (uint32_t)(POLLIN | POLLRDNORM) : 0);
}

static int ioctl_udp(struct file *file, unsigned long request, void *argument)
{
    struct udp *udp = (struct udp *)file;
    if (request != SIOCINQ && request != SIOCOUTQ)
        return -ENOTTY;
    drop_damaged(udp);
    int value = request == SIOCINQ && udp->first ? (int)udp->first->size : 0;
    memcpy(argument, &value, sizeof value);
    return 0;
}

static const struct file_kind udp_kind = {
    .name = "udp",
    .is_socket = true,
    .release = close_udp,
    .read = socket_base_read,
    .write = socket_base_write,
    .poll = poll_udp,
    .ioctl = ioctl_udp,
    .status = socket_base_status,
};

struct socket *udp_open(struct machine *machine, int family, int type)
{
    struct udp *udp = socket_base_create(&udp_kind, &udp_calls, sizeof *udp, machine, family, type);
    udp->inet.socket.protocol = IPPROTO_UDP;
    if (family == AF_INET)
        udp->inet.local.ip = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
    return &udp->inet.socket;
}
