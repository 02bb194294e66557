/* unix.c - the socket: see unix.h for the rest. */
#include "sim/net/unix.h"
#include "base/check.h"
#include "sim/net/address.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>

/* --- lives --- */

void unix_hold(struct unix_socket *unix)
{
    unix->holders++;
}

void unix_release(struct unix_socket *unix)
{
    check(unix->holders > 0);
    if (--unix->holders == 0)
        memory_own_free(unix);
}

/* All of the machine's are looked at: their order is that in which they were made. */
void unix_has_room(struct unix_socket *unix)
{
    struct unix_socket *next;
    for (struct unix_socket *other = network_of(unix->socket.machine)->unix_sockets; other;
         other = next) {
        next = other->next;
        if (other->full != unix)
            continue;
        other->full = NULL;
        file_wake(&other->socket.file, POLLOUT | POLLWRNORM | POLLWRBAND);
    }
}

static void enter(struct unix_socket *unix)
{
    struct network *network = network_of(unix->socket.machine);
    unix->next = network->unix_sockets;
    if (unix->next)
        unix->next->previous = unix;
    network->unix_sockets = unix;
}

static void leave(struct unix_socket *unix)
{
    if (unix->next)
        unix->next->previous = unix->previous;
    *(unix->previous ? &unix->previous->next : &network_of(unix->socket.machine)->unix_sockets) =
        unix->next;
}

static void close_unix(struct file *file)
{
    struct unix_socket *unix = (struct unix_socket *)file;
    unix->is_dead = true;
    if (unix->entry)
        unix_names_leave(unix->socket.machine, unix->entry);
    unix_leave(unix);
    unix_drop_all(unix);
    leave(unix);
    unix_release(unix);
}

/* --- what is asked --- */

static uint32_t poll_unix(struct file *file)
{
    struct unix_socket *unix = (struct unix_socket *)file;
    int shut = unix->socket.shut;
    uint32_t events = unix->socket.error ? POLLERR : 0;
    if (shut == SHUT_FOR_BOTH || (unix_has_connections(unix) && unix->state == TCP_CLOSE))
        events |= POLLHUP;
    if (shut & SHUT_FOR_READING)
        events |= POLLRDHUP | POLLIN | POLLRDNORM;
    if (unix->first || unix->first_waiting)
        events |= POLLIN | POLLRDNORM;
    if (unix_is_writable(unix))
        events |= POLLOUT | POLLWRNORM | POLLWRBAND;
    return events;
}

static int ioctl_unix(struct file *file, unsigned long request, void *argument)
{
    const struct unix_socket *unix = (const struct unix_socket *)file;
    size_t bytes = 0;
    if (request == SIOCINQ && unix->state == TCP_LISTEN)
        return -EINVAL;
    if (request == SIOCOUTQ)
        bytes = unix->charged;
    else if (request != SIOCINQ)
        return -ENOTTY;
    for (const struct unix_message *message = unix->first; message && request == SIOCINQ;
         message = unix->socket.type == SOCK_DGRAM ? NULL : message->next)
        bytes += message->size - message->taken;
    int value = (int)bytes;
    memcpy(argument, &value, sizeof value);
    return 0;
}

static const struct file_kind unix_kind = {
    .name = "unix",
    .is_socket = true,
    .release = close_unix,
    .read = socket_base_read,
    .write = socket_base_write,
    .poll = poll_unix,
    .ioctl = ioctl_unix,
    .status = socket_base_status,
};

/* --- calls --- */

static int bind_unix(struct process *process, struct socket *socket, const struct sockaddr *name,
                     socklen_t length)
{
    struct unix_socket *unix = (struct unix_socket *)socket;
    struct unix_name named;
    int error = unix_names_read(name, length, &named);
    if (error)
        return error;
    if (unix->name.length > 0)
        return -EINVAL;
    error = unix_names_add(process, &named, socket->type, unix, &unix->entry);
    if (!error)
        unix->name = named;
    return error;
}

static int name_unix(struct socket *socket, bool of_peer, struct sockaddr *out_name,
                     socklen_t *length)
{
    const struct unix_socket *unix = (const struct unix_socket *)socket;
    if (of_peer && !unix->peer)
        return -ENOTCONN;
    const struct unix_name *name = of_peer ? &unix->peer_name : &unix->name;
    const struct sockaddr_un none = {.sun_family = AF_UNIX};
    if (name->length > 0)
        address_copy(&name->name, name->length, out_name, length);
    else
        address_copy(&none, sizeof none.sun_family, out_name, length);
    return 0;
}

static const struct socket_calls unix_calls = {
    .bind = bind_unix,
    .listen = unix_listen,
    .accept = unix_accept,
    .connect = unix_connect,
    .shutdown = unix_shutdown,
    .send = unix_send,
    .receive = unix_receive,
    .name = name_unix,
};

struct unix_socket *unix_create(struct machine *machine, int type)
{
    struct unix_socket *unix =
        socket_base_create(&unix_kind, &unix_calls, sizeof *unix, machine, AF_UNIX, type);
    unix->state = TCP_CLOSE;
    unix->holders = 1;
    enter(unix);
    return unix;
}

struct socket *unix_open(struct machine *machine, int type)
{
    return &unix_create(machine, type)->socket;
}
