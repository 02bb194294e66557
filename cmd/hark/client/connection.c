/* connection.c - a connection to the lines port.
 *
 * The kernel's keep-alive probes notice a peer that is gone without a word, while this process
 * sleeps. Whatever ends a connection goes through end(), and the owner hears of it when the stream
 * is closed.
 */
#include "client/connection.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "base/say.h"

/* Past the high mark the owner waits; there is always room for one more piece with a line of the
 * longest kind. */
static const struct hark_stream_options stream_options = {
    .queue_bytes_max = 4 * 1024 * 1024,
    .high_bytes = 512 * 1024,
    .low_bytes = 128 * 1024,
    .connect_timeout_ns = 20ULL * 1000 * 1000 * 1000,
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

/* The words are the stream's, which goes. */
static void note_broken(struct client_connection *connection)
{
    if (connection->tls && connection->tls->context)
        snprintf(connection->broken, sizeof connection->broken, "%s",
                 hark_tls_why(&connection->stream));
}

static void stream_received(struct hark_stream *stream, const void *bytes, int64_t count)
{
    struct client_connection *connection =
        hark_container_of(stream, struct client_connection, stream);
    if (count <= 0) {
        note_broken(connection);
        return end(connection, (int)count);
    }
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

static void stream_connected(struct hark_stream *stream, int error);
static void open_stream(struct client_connection *connection, bool as_before);

static void stream_closed(struct hark_stream *stream)
{
    struct client_connection *connection =
        hark_container_of(stream, struct client_connection, stream);
    if (!connection->tries_peer)
        return told_ended(connection);
    connection->tries_peer = false;
    connection->closing = false;
    open_stream(connection, true);
}

static const struct hark_stream_events stream_events = {
    .connected = stream_connected,
    .received = stream_received,
    .drained = stream_drained,
    .failed = stream_failed,
    .closed = stream_closed,
};

static void not_opened(struct hark_op *op, int64_t result)
{
    (void)result;
    told_ended(hark_container_of(op, struct client_connection, defer));
}

static void end(struct client_connection *connection, int error)
{
    connection->tries_peer = false;
    if (connection->closing)
        return;
    connection->closing = true;
    connection->error = error;
    if (connection->streaming)
        hark_stream_close(&connection->stream);
    else
        hark_defer(connection->loop, &connection->defer, not_opened);
}

/* Probes after a minute of silence, then every 10 s; lost after three. Best effort: a unix socket
 * has no such options. */
static void set_keep_alive(struct client_connection *connection)
{
    static const struct {
        int level, option, value;
    } settings[] = {
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, 60},
        {IPPROTO_TCP, TCP_KEEPINTVL, 10},
        {IPPROTO_TCP, TCP_KEEPCNT, 3},
    };
    if (connection->peer.name.any.sa_family == AF_UNIX)
        return;
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        hark_os_setsockopt(connection->loop, hark_stream_fd(&connection->stream), settings[i].level,
                           settings[i].option, &settings[i].value, sizeof settings[i].value);
}

static bool is_of_look_up(int error)
{
    return error <= HARK_LOOKUP_NOT_FOUND && error >= HARK_LOOKUP_SERVICE;
}

/* While no name server answers, or none that knows the name, the address of last time may be right
 * still. */
static bool may_be_as_before(const struct client_connection *connection, int error)
{
    return connection->server->named && !connection->as_before && connection->peer.length > 0 &&
           (is_of_look_up(error) || error == -ETIMEDOUT);
}

static void stream_connected(struct hark_stream *stream, int error)
{
    struct client_connection *connection =
        hark_container_of(stream, struct client_connection, stream);
    if (connection->closing)
        return; /* stream_closed() follows */
    if (error) {
        note_broken(connection);
        bool again = may_be_as_before(connection, error);
        connection->abandons |= error == -ETIMEDOUT && connection->server->named;
        end(connection, error);
        connection->tries_peer = again;
        return;
    }
    connection->connected = true;
    if (connection->server->named)
        hark_os_getpeername(connection->loop, hark_stream_fd(stream), &connection->peer);
    set_keep_alive(connection);
    hark_stream_read_start(stream);
    connection->events->opened(connection);
}

/* Takes: looks_up: its name, else it is where it was last, or at the address that was given. */
static int open_to(struct client_connection *connection, bool looks_up)
{
    const struct name *server = connection->server;
    const struct client_tls *tls = connection->tls;
    const struct hark_stream_name by_name = {.host = server->host, .service = server->port};
    const struct hark_stream_name by_address = {.addresses = &connection->peer, .count = 1};
    if (tls && tls->context)
        return hark_stream_connect_tls(connection->loop, &connection->stream,
                                       looks_up ? &by_name : &by_address, tls->context, tls->host,
                                       &stream_options, &stream_events);
    if (looks_up)
        return hark_stream_connect_name(connection->loop, &connection->stream, &by_name,
                                        &stream_options, &stream_events);
    return hark_stream_connect(connection->loop, &connection->stream, &connection->peer,
                               &stream_options, &stream_events);
}

/* Takes: as_before: at the address where the name was last. */
static void open_stream(struct client_connection *connection, bool as_before)
{
    connection->as_before = as_before;
    int error = open_to(connection, connection->server->named && !as_before);
    connection->streaming = error == 0;
    if (error)
        end(connection, error);
}

void client_connection_open(struct hark_loop *loop, struct client_connection *connection,
                            const struct name *server, const struct client_tls *tls,
                            const struct client_connection_events *events)
{
    struct hark_address peer = server->named ? connection->peer : server->address;
    bool abandons = connection->abandons;
    memset(connection, 0, sizeof *connection);
    connection->loop = loop;
    connection->events = events;
    connection->server = server;
    connection->tls = tls;
    connection->peer = peer;
    connection->abandons = abandons;
    lines_splitter_init(&connection->splitter, LINES_EVENT_BYTES_MAX + ID_BYTES_MAX + 1);
    open_stream(connection, false);
}

bool client_connection_looks_up(const struct client_connection *connection)
{
    return connection->abandons || (connection->server->named && !connection->connected);
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
    const struct name *server = connection->server;
    char text[NAMES_TEXT_MAX];
    const char *address = server->text;
    if (connection->connected)
        address =
            names_format(&connection->peer, server->named ? server->text : NULL, text, sizeof text);
    if (*connection->reason)
        say("%s: the server says: %s%s", address, connection->reason, rest);
    else if (*connection->broken)
        say("%s: %s%s", address, connection->broken, rest);
    else if (!connection->connected && is_of_look_up(connection->error))
        names_say_not_found("--server", server, connection->error, rest);
    else if (!connection->connected && connection->error == -ECONNREFUSED)
        say("cannot connect to %s: connection refused (is hark serve running there?)%s", address,
            rest);
    else if (!connection->connected)
        say("cannot connect to %s: %s%s", address, why(connection->error), rest);
    else if (connection->error)
        say("%s: the connection broke: %s%s", address, why(connection->error), rest);
    else
        say("%s: the server ended the connection%s", address, rest);
}
