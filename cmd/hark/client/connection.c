/* connection.c - a connection to the lines port.
 *
 * The socket is made here and not by hark_stream_connect, because it is to notice a peer that is
 * gone without a word: the kernel's keep-alive probes do that while this process sleeps. Whatever
 * ends a connection goes through end(), and the owner hears of it when the descriptor is closed.
 */
#include "client/connection.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "base/say.h"

static const uint64_t connect_timeout_ns = 10ULL * 1000 * 1000 * 1000;

/* Past the high mark the owner waits; there is always room for one more piece with a line of the
 * longest kind. */
static const struct hark_stream_options stream_options = {
    .queue_bytes_max = 4 * 1024 * 1024,
    .high_bytes = 512 * 1024,
    .low_bytes = 128 * 1024,
};

static void told_ended(struct client_connection *connection)
{
    lines_splitter_done(&connection->splitter);
    connection->events->ended(connection);
}

static void end(struct client_connection *connection, int error);

/* One line of the server's. */
static void take_line(struct client_connection *connection, const char *line, size_t count)
{
    struct lines_output output;
    if (lines_output_parse(line, count, &output)) {
        snprintf(connection->reason, sizeof connection->reason,
                 "the answer is not in the lines protocol (is it the lines port?)");
        end(connection, -EPROTO);
    } else if (output.kind == LINES_ERROR) {
        snprintf(connection->reason, sizeof connection->reason, "%.*s", (int)output.count,
                 output.bytes);
        end(connection, 0);
    } else {
        connection->events->line(connection, &output);
    }
}

static void stream_received(struct hark_stream *stream, const void *bytes, int64_t count)
{
    struct client_connection *connection =
        hark_container_of(stream, struct client_connection, stream);
    if (count <= 0)
        return end(connection, (int)count);
    const char *piece = bytes;
    size_t left = (size_t)count;
    while (!connection->closing) {
        const char *line;
        size_t line_count;
        int found = lines_splitter_next(&connection->splitter, &piece, &left, &line, &line_count);
        if (found < 0)
            return end(connection, found);
        if (found == 0)
            return;
        take_line(connection, line, line_count);
    }
}

static void stream_drained(struct hark_stream *stream)
{
    struct client_connection *connection =
        hark_container_of(stream, struct client_connection, stream);
    if (!connection->closing)
        connection->events->drained(connection);
}

static void stream_failed(struct hark_stream *stream, int error)
{
    struct client_connection *connection =
        hark_container_of(stream, struct client_connection, stream);
    /* What the server said before it closed is worth more than the broken pipe, and is read to its
     * end first. A peer that is truly gone fails the reading too. */
    if (error != -EPIPE && error != -ECONNRESET)
        end(connection, error);
}

static void stream_closed(struct hark_stream *stream)
{
    told_ended(hark_container_of(stream, struct client_connection, stream));
}

static const struct hark_stream_events stream_events = {
    .received = stream_received,
    .drained = stream_drained,
    .failed = stream_failed,
    .closed = stream_closed,
};

static void closed(struct hark_op *op, int64_t result)
{
    (void)result;
    told_ended(hark_container_of(op, struct client_connection, close));
}

static void end(struct client_connection *connection, int error)
{
    if (connection->closing)
        return;
    connection->closing = true;
    connection->error = error;
    if (connection->streaming)
        hark_stream_close(&connection->stream);
    else /* still connecting, or never: a close of -1 calls back all the same */
        hark_close(connection->loop, &connection->close, connection->fd, closed);
}

/* Probes after a minute of silence, then every 10 s; lost after three. Best effort: a unix socket
 * has no such options. */
static void set_keep_alive(struct client_connection *connection)
{
    static const struct {
        int level, option, value;
    } settings[] = {
        {SOL_SOCKET, SO_KEEPALIVE, 1},    {IPPROTO_TCP, TCP_KEEPIDLE, 60},
        {IPPROTO_TCP, TCP_KEEPINTVL, 10}, {IPPROTO_TCP, TCP_KEEPCNT, 3},
        {IPPROTO_TCP, TCP_NODELAY, 1},
    };
    if (connection->address->name.any.sa_family == AF_UNIX)
        return;
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        hark_os_setsockopt(connection->loop, connection->fd, settings[i].level, settings[i].option,
                           &settings[i].value, sizeof settings[i].value);
}

static void connected(struct hark_op *op, int64_t result);

/* Connects to the next address for which there is a socket, or ends. Takes: error: of the one
 * before. */
static void try_next(struct client_connection *connection, int error)
{
    struct hark_loop *loop = connection->loop;
    while (connection->tried < connection->server->count) {
        const struct hark_address *address = connection->address =
            &connection->server->addresses[connection->tried++];
        if (connection->fd >= 0)
            hark_os_close(loop, connection->fd);
        connection->fd = hark_os_socket(loop, address->name.any.sa_family, SOCK_STREAM, 0);
        if (connection->fd >= 0) {
            set_keep_alive(connection);
            hark_connect(loop, &connection->connect, connection->fd, &address->name.any,
                         address->length, connected);
            hark_op_deadline(&connection->connect, hark_os_clock(loop) + connect_timeout_ns);
            return;
        }
        error = connection->fd;
    }
    end(connection, error);
}

static void connected(struct hark_op *op, int64_t result)
{
    struct client_connection *connection = hark_container_of(op, struct client_connection, connect);
    if (connection->closing)
        return; /* closed() follows */
    if (result < 0)
        return try_next(connection, (int)result);
    connection->streaming = true;
    hark_stream_open(connection->loop, &connection->stream, connection->fd, &stream_options,
                     &stream_events);
    hark_stream_read_start(&connection->stream);
    connection->events->opened(connection);
}

void client_connection_open(struct hark_loop *loop, struct client_connection *connection,
                            const struct names *server,
                            const struct client_connection_events *events)
{
    memset(connection, 0, sizeof *connection);
    connection->loop = loop;
    connection->events = events;
    connection->server = server;
    connection->fd = -1;
    lines_splitter_init(&connection->splitter, LINES_EVENT_BYTES_MAX + ID_BYTES_MAX + 1);
    try_next(connection, -EDESTADDRREQ);
}

bool client_connection_write(struct client_connection *connection, const void *bytes, size_t count)
{
    if (connection->closing)
        return false;
    int written = hark_stream_write(&connection->stream, bytes, count);
    if (written < 0 && written != -EPIPE)
        end(connection, written);
    return written == 0;
}

void client_connection_pause(struct client_connection *connection)
{
    if (connection->streaming && !connection->closing)
        hark_stream_read_stop(&connection->stream);
}

void client_connection_resume(struct client_connection *connection)
{
    if (connection->streaming && !connection->closing)
        hark_stream_read_start(&connection->stream);
}

void client_connection_close(struct client_connection *connection)
{
    end(connection, 0);
}

void client_connection_say_ended(const struct client_connection *connection, const char *rest)
{
    char address[NAMES_TEXT_MAX];
    names_format(connection->address, connection->server->named ? connection->server->text : NULL,
                 address, sizeof address);
    if (*connection->reason)
        say("%s: the server says: %s%s", address, connection->reason, rest);
    else if (!connection->streaming && connection->error == -ECONNREFUSED)
        say("cannot connect to %s: connection refused (is hark serve running there?)%s", address,
            rest);
    else if (!connection->streaming)
        say("cannot connect to %s: %s%s", address, why(connection->error), rest);
    else if (connection->error)
        say("%s: the connection broke: %s%s", address, why(connection->error), rest);
    else
        say("%s: the server ended the connection%s", address, rest);
}
