/* sockets.c - the sockets of c-ares on the loop.
 *
 * c-ares tells what it waits for on each of its sockets, and that it waits for nothing before it
 * closes one. A poll has memory of its own, which frees itself in its final call: that comes later
 * than the close, and later than the resolver's end.
 *
 * What must hold: nobody outside is called from inside of c-ares but `early`, which does not end
 * the resolver: so c-ares is never called for its end, or to give up, from within itself. */
#include "dns/dns.h"

#include "hark/os.h"
#include "hark/poll.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

/* --- what it waits for --- */

static void polled(struct hark_op *op, int64_t result);

static void wait_for(struct dns_socket *socket)
{
    hark_poll_each(socket->dns->loop, &socket->poll, socket->fd, socket->events, polled);
}

static void process(struct hark_dns *dns, int fd, uint32_t events)
{
    bool readable = (events & ~(uint32_t)HARK_POLL_WRITABLE) != 0; /* so an error is found, too */
    bool writable = (events & ~(uint32_t)HARK_POLL_READABLE) != 0;
    ares_process_fd(dns->channel, readable ? fd : ARES_SOCKET_BAD, writable ? fd : ARES_SOCKET_BAD);
    dns_go_on(dns);
}

static void polled(struct hark_op *op, int64_t result)
{
    struct dns_socket *socket = hark_container_of(op, struct dns_socket, poll);
    if (!socket->dns) {
        if (!hark_op_more(op))
            free(socket);
    } else if (result >= 0) {
        process(socket->dns, socket->fd, (uint32_t)result);
    } else if (result == -ECANCELED) {
        wait_for(socket); /* hark_cancel_all: with the look-ups that it ends this ends as well */
    } else {
        dns_give_up(socket->dns, (int)result);
    }
}

/* c-ares is about to close it. */
static void let_go(struct dns_socket *socket)
{
    struct hark_loop *loop = socket->dns->loop;
    socket->dns = NULL;
    if (hark_op_active(&socket->poll)) {
        hark_cancel(&socket->poll); /* with it the loop forgets the descriptor */
    } else {
        (void)hark_os_forget(loop, socket->fd); /* it had ended by itself */
        free(socket);
    }
}

void sockets_wanted(void *context, ares_socket_t fd, int readable, int writable)
{
    struct hark_dns *dns = context;
    struct dns_socket **link = &dns->sockets;
    uint32_t events = (readable ? HARK_POLL_READABLE : 0u) | (writable ? HARK_POLL_WRITABLE : 0u);
    while (*link && (*link)->fd != fd)
        link = &(*link)->next;
    struct dns_socket *socket = *link;
    if (socket && !events) {
        *link = socket->next;
        let_go(socket);
    } else if (socket) {
        socket->events = events;
        (void)hark_poll_change(&socket->poll, events);
    } else if (events) {
        socket = calloc(1, sizeof *socket);
        if (!socket)
            return; /* the time-outs of c-ares end its questions */
        *socket = (struct dns_socket){.dns = dns, .fd = fd, .events = events};
        *link = socket;
        wait_for(socket);
    }
}

/* --- what it makes them with --- */

static ares_socket_t make(int family, int type, int protocol, void *context)
{
    struct hark_dns *dns = context;
    int fd = hark_os_socket(dns->loop, family, type, protocol);
    return fd < 0 ? ARES_SOCKET_BAD : fd;
}

static int unmake(ares_socket_t fd, void *context)
{
    (void)context;
    return close(fd); /* the loop knows nothing of it any more: let_go */
}

static int connect_to(ares_socket_t fd, const struct sockaddr *name, ares_socklen_t length,
                      void *context)
{
    (void)context;
    return connect(fd, name, length);
}

static ares_ssize_t receive(ares_socket_t fd, void *bytes, size_t count, int flags,
                            struct sockaddr *name, ares_socklen_t *length, void *context)
{
    (void)context;
    return recvfrom(fd, bytes, count, flags, name, length);
}

/* c-ares's own writes raise SIGPIPE where a server has gone. */
static ares_ssize_t send_without_signal(ares_socket_t fd, const struct iovec *parts, int count,
                                        void *context)
{
    struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count};
    (void)context;
    return sendmsg(fd, &message, MSG_NOSIGNAL);
}

const struct ares_socket_functions sockets_functions = {
    .asocket = make,
    .aclose = unmake,
    .aconnect = connect_to,
    .arecvfrom = receive,
    .asendv = send_without_signal,
};
