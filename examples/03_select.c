/* 03_select.c - the classic select server, rewritten: its three lists become three callbacks.
 *
 * The old way: put every socket into the lists "readable", "writable" and "exceptional", call
 * select, and walk the three lists that come back. Here each socket asks for what it wants to know,
 * and the answer calls it:
 *
 *        for (... readable ...)      ->  readable()      a client has sent something: receive it
 *        for (... writable ...)      ->  writable()      there is room: send it back
 *        for (... exceptional ...)   ->  exceptional()   urgent data, or the connection broke
 *
 * Shows: hark_poll (once) and hark_poll_each (again and again). The program still makes its own
 * recv(2) and send(2), without blocking. 02_echo.c asks for the operations themselves, and need not
 * know of readiness at all.
 *
 * Try:   ./03_select              listens on localhost:12345; a port may be given
 *        nc localhost 12345       what you type comes back
 */
#include "hark.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static struct server {
    struct hark_op readable, pause;
    int fd;
} server;

struct connection {
    struct hark_op readable, writable, exceptional, close;
    int fd;
    size_t filled, sent;
    char bytes[4096];
};

static void closed(struct hark_op *op, int64_t result)
{
    (void)result;
    free(hark_container_of(op, struct connection, close));
    printf("a client has gone\n");
}

static void connection_close(struct connection *connection)
{
    if (!hark_op_active(
            &connection->close)) /* ends what is in flight on it, then closes, then calls back */
        hark_close(connection->exceptional.loop, &connection->close, connection->fd, closed);
}

static void readable(struct hark_op *op, int64_t events);

static void writable(struct hark_op *op, int64_t events)
{
    struct connection *connection = hark_container_of(op, struct connection, writable);
    ssize_t sent;

    if (events < 0 || hark_op_active(&connection->close))
        return connection_close(connection);
    sent = send(connection->fd, connection->bytes + connection->sent,
                connection->filled - connection->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR)
        return connection_close(connection);
    connection->sent += sent > 0 ? (size_t)sent : 0;
    if (connection->sent <
        connection->filled) /* the client is slow: wait for room, and receive nothing meanwhile */
        hark_poll(op->loop, op, connection->fd, HARK_POLL_WRITABLE, writable);
    else
        hark_poll(op->loop, &connection->readable, connection->fd, HARK_POLL_READABLE, readable);
}

static void readable(struct hark_op *op, int64_t events)
{
    struct connection *connection = hark_container_of(op, struct connection, readable);
    ssize_t received;

    if (events < 0 || hark_op_active(&connection->close))
        return connection_close(connection);
    received = recv(connection->fd, connection->bytes, sizeof connection->bytes, MSG_DONTWAIT);
    if (received == 0 || (received < 0 && errno != EAGAIN && errno != EINTR))
        return connection_close(connection);
    connection->filled = received > 0 ? (size_t)received : 0;
    connection->sent = 0;
    if (connection->filled > 0)
        hark_poll(op->loop, &connection->writable, connection->fd, HARK_POLL_WRITABLE, writable);
    else
        hark_poll(op->loop, op, connection->fd, HARK_POLL_READABLE, readable);
}

static void exceptional(struct hark_op *op, int64_t events)
{
    struct connection *connection = hark_container_of(op, struct connection, exceptional);
    char byte;

    if (events < 0 || (events & (HARK_POLL_ERROR | HARK_POLL_HANGUP)) != 0)
        return connection_close(connection);
    if (recv(connection->fd, &byte, 1, MSG_OOB | MSG_DONTWAIT) == 1)
        printf("urgent: %c\n", byte);
}

static void listening(struct hark_op *op, int64_t events);

static void paused(struct hark_op *op, int64_t result)
{
    if (result == 0)
        hark_poll(op->loop, &server.readable, server.fd, HARK_POLL_READABLE, listening);
}

/* The listening socket is readable: a client waits to be accepted. */
static void listening(struct hark_op *op, int64_t events)
{
    int fd = events < 0 ? -1 : accept4(server.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct connection *connection = fd < 0 ? NULL : calloc(1, sizeof *connection);

    if (connection) {
        printf("a client has come\n");
        connection->fd = fd;
        hark_poll(op->loop, &connection->readable, fd, HARK_POLL_READABLE, readable);
        hark_poll_each(op->loop, &connection->exceptional, fd, HARK_POLL_EXCEPTIONAL, exceptional);
    } else if (fd >= 0) {
        hark_os_close(op->loop, fd);
    }
    if (events < 0)
        fprintf(stderr, "03_select: cannot wait for clients: %s\n", hark_error_text(events));
    else if (fd < 0 && (errno == EMFILE ||
                        errno == ENFILE)) /* it would be readable again at once: do not spin */
        hark_sleep(op->loop, &server.pause, 100000000, paused);
    else
        hark_poll(op->loop, op, server.fd, HARK_POLL_READABLE, listening);
}

int main(int count, char **arguments)
{
    struct hark_address address;
    struct hark_loop *loop = NULL;
    char text[HARK_ADDRESS_TEXT_MAX];
    int error;

    setvbuf(stdout, NULL, _IOLBF, 0);
    snprintf(text, sizeof text, "127.0.0.1:%s", count > 1 ? arguments[1] : "12345");
    if ((error = hark_address_parse(text, &address)) < 0 ||
        (error = hark_loop_create(NULL, &loop)) < 0 ||
        (error = server.fd = hark_listen_at(loop, &address, 0, HARK_LISTEN_NO_DELAY)) < 0 ||
        (error = hark_os_getsockname(loop, server.fd, &address)) < 0) {
        fprintf(stderr, "03_select: cannot listen on %s: %s\n", text, hark_error_text(error));
        return 1;
    }
    printf("listening on %s\n", hark_address_format(&address, text, sizeof text));
    hark_poll(loop, &server.readable, server.fd, HARK_POLL_READABLE, listening);
    return hark_run(loop) < 0; /* until Ctrl-C */
}
