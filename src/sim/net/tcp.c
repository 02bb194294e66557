/* tcp.c - the socket of a connection: see tcp.h for the rest. */
#include "sim/net/tcp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>

/* --- poll(2): tcp_poll in Linux's net/ipv4/tcp.c --- */

static uint32_t poll_connected(struct tcp *tcp)
{
    uint32_t events = 0;
    size_t least = (size_t)tcp->inet.socket.options.receive_least;
    if (tcp->urgent != URGENT_NONE && tcp->urgent_at == tcp_taken(tcp) &&
        !tcp->inet.socket.options.urgent_inline)
        least++;
    if (tcp->received.count >= least)
        events |= POLLIN | POLLRDNORM;
    if (tcp->inet.socket.shut & SHUT_FOR_WRITING || tcp_is_writable(tcp))
        events |= POLLOUT | POLLWRNORM;
    else
        tcp->inet.socket.wants_room = true;
    if (tcp->urgent == URGENT_HERE)
        events |= POLLPRI;
    return events;
}

static uint32_t tcp_poll(struct file *file)
{
    struct tcp *tcp = (struct tcp *)file;
    int shut = tcp->inet.socket.shut;
    uint32_t events = 0;
    if (tcp->state == TCP_LISTEN)
        return tcp->first_whole ? POLLIN | POLLRDNORM : 0;
    if (shut == SHUT_FOR_BOTH || tcp->state == TCP_CLOSE)
        events |= POLLHUP;
    if (shut & SHUT_FOR_READING)
        events |= POLLIN | POLLRDNORM | POLLRDHUP;
    if (tcp->state != TCP_SYN_SENT && tcp->state != TCP_SYN_RECV)
        events |= poll_connected(tcp);
    return tcp->inet.socket.error ? events | POLLERR : events;
}

/* --- ioctl(2): tcp(7) --- */

static int tcp_ioctl(struct file *file, unsigned long request, void *argument)
{
    struct tcp *tcp = (struct tcp *)file;
    int value;
    switch (request) {
    case SIOCINQ:
    case SIOCOUTQ:
        if (tcp->state == TCP_LISTEN)
            return -EINVAL;
        value = (int)(request == SIOCINQ ? tcp->received.count : tcp->sending.count);
        break;
    case SIOCATMARK:
        value = tcp->urgent != URGENT_NONE && tcp->urgent_at == tcp_taken(tcp);
        break;
    default:
        return -ENOTTY;
    }
    memcpy(argument, &value, sizeof value);
    return 0;
}

static void tcp_release(struct file *file)
{
    tcp_close((struct tcp *)file);
}

static const struct file_kind tcp_kind = {
    .name = "tcp",
    .is_socket = true,
    .release = tcp_release,
    .read = socket_base_read,
    .write = socket_base_write,
    .poll = tcp_poll,
    .ioctl = tcp_ioctl,
    .status = socket_base_status,
};

/* --- calls --- */

static int tcp_bind(struct process *process, struct socket *socket, const struct sockaddr *name,
                    socklen_t length)
{
    (void)process;
    struct tcp *tcp = (struct tcp *)socket;
    struct address address;
    int error = address_read(name, length, socket->family, &address);
    if (error)
        return error;
    if (tcp->state != TCP_CLOSE || tcp->inet.is_bound)
        return -EINVAL;
    return ports_bind(&tcp->inet, &address);
}

/* Gives: 0: it is under way. */
static int call(struct tcp *tcp, const struct sockaddr *name, socklen_t length)
{
    struct address to;
    int error = address_read(name, length, tcp->inet.socket.family, &to);
    if (error)
        return error;
    address_complete(&to);
    if (!address_has_way(&to) || (tcp->inet.only_6 && address_is_of_4(&to)))
        return -ENETUNREACH;
    tcp->inet.remote = to;
    if (address_is_any(&tcp->inet.local))
        tcp->inet.local.ip = address_of_source(&to, tcp->inet.socket.machine);
    error = ports_pair(&tcp->inet);
    if (error)
        return error;
    tcp->state = TCP_SYN_SENT;
    tcp->expected = tcp->offered = 0;
    tcp->retries = 0;
    tcp_send_syn(tcp);
    return 0;
}

static bool is_under_way(const struct tcp *tcp)
{
    return tcp->state == TCP_SYN_SENT || tcp->state == TCP_SYN_RECV;
}

/* A connection that was asked for and not yet told of: inet_shutdown in Linux's
 * net/ipv4/af_inet.c. */
static void settle(struct tcp *tcp)
{
    if (tcp->progress == TCP_CONNECTING)
        tcp->progress =
            is_under_way(tcp) || tcp->state == TCP_CLOSE ? TCP_DISCONNECTING : TCP_CONNECTED;
}

static int tcp_connected(struct socket *socket)
{
    struct tcp *tcp = (struct tcp *)socket;
    if (tcp->progress == TCP_UNCONNECTED || tcp->progress == TCP_DISCONNECTING)
        return -ENOTCONN;
    if (is_under_way(tcp))
        return -EALREADY;
    if (tcp->progress == TCP_CONNECTED)
        return 0;
    if (tcp->state != TCP_CLOSE) {
        tcp->progress = TCP_CONNECTED;
        return 0;
    }
    int error = socket_base_take_error(socket);
    tcp_disconnect(tcp);
    return error ? error : -ECONNABORTED;
}

/* inet_stream_connect in Linux's net/ipv4/af_inet.c */
static int tcp_connect(struct process *process, struct socket *socket, const struct sockaddr *name,
                       socklen_t length)
{
    (void)process;
    struct tcp *tcp = (struct tcp *)socket;
    if (length < sizeof name->sa_family)
        return -EINVAL;
    if (name->sa_family == AF_UNSPEC) {
        tcp_disconnect(tcp);
        return 0;
    }
    if (tcp->progress == TCP_DISCONNECTING)
        return -EINVAL;
    if (tcp->progress == TCP_CONNECTED)
        return -EISCONN;
    if (tcp->progress == TCP_CONNECTING)
        return tcp_connected(socket);
    if (tcp->state != TCP_CLOSE)
        return -EISCONN;
    int error = call(tcp, name, length);
    if (error)
        return error;
    tcp->progress = TCP_CONNECTING;
    return -EINPROGRESS;
}

static int tcp_shutdown(struct socket *socket, int how)
{
    struct tcp *tcp = (struct tcp *)socket;
    int error = 0;
    settle(tcp);
    switch (tcp->state) {
    case TCP_LISTEN:
        if (how & SHUT_FOR_READING)
            tcp_disconnect(tcp);
        break;
    case TCP_SYN_SENT:
        tcp_disconnect(tcp);
        break;
    case TCP_CLOSE:
        error = -ENOTCONN;
        socket->shut |= how;
        break;
    default:
        socket->shut |= how;
        if (how & SHUT_FOR_WRITING &&
            (tcp->state == TCP_ESTABLISHED || tcp->state == TCP_CLOSE_WAIT))
            tcp_send_fin(tcp);
    }
    file_wake(&socket->file, 0);
    return error;
}

static int tcp_name(struct socket *socket, bool of_peer, struct sockaddr *out_name,
                    socklen_t *length)
{
    struct tcp *tcp = (struct tcp *)socket;
    if (of_peer &&
        (tcp->inet.remote.port == 0 || tcp->state == TCP_CLOSE || tcp->state == TCP_SYN_SENT))
        return -ENOTCONN;
    address_write(of_peer ? &tcp->inet.remote : &tcp->inet.local, socket->family, out_name, length);
    return 0;
}

static const struct socket_calls tcp_calls = {
    .bind = tcp_bind,
    .listen = tcp_listen,
    .accept = tcp_accept,
    .connect = tcp_connect,
    .connected = tcp_connected,
    .shutdown = tcp_shutdown,
    .send = tcp_send,
    .receive = tcp_receive,
    .hold = tcp_hold,
    .set_option = tcp_set_option,
    .get_option = tcp_get_option,
    .options_changed = tcp_options_changed,
    .name = tcp_name,
};

/* --- making one --- */

static void destroy_remnant(struct remnant *remnant)
{
    struct inet *inet = hark_container_of(remnant, struct inet, remnant);
    tcp_of(inet)->is_orphan = true;
    tcp_destroy(tcp_of(inet));
}

struct tcp *tcp_create(struct machine *machine, int family)
{
    struct tcp *tcp =
        socket_base_create(&tcp_kind, &tcp_calls, sizeof *tcp, machine, family, SOCK_STREAM);
    tcp->inet.socket.protocol = IPPROTO_TCP;
    tcp->inet.remnant.destroy = destroy_remnant;
    network_add(machine, &tcp->inet.remnant);
    tcp->state = TCP_CLOSE;
    if (family == AF_INET)
        tcp->inet.local.ip = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
    tcp->acknowledged = chance_next(&world->chance) >> 16; /* they never come to an end */
    tcp->next = tcp->sent_most = tcp->acknowledged;
    tcp_timers_init(tcp);
    return tcp;
}

struct socket *tcp_open(struct machine *machine, int family, int type)
{
    struct tcp *tcp = tcp_create(machine, family);
    tcp->inet.socket.file.flags |= type & SOCK_NONBLOCK ? O_NONBLOCK : 0;
    return &tcp->inet.socket;
}
