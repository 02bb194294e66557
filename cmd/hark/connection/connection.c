/* connection.c - the life of a connection, whatever it speaks.
 *
 * What must hold: nothing is done inside of connection_advance that calls it again to effect, and
 * the bytes that the stream lends are kept or dropped before its callback returns.
 */
#include "connection/connection.h"
#include "connection/handshakes.h"

#include <errno.h>

enum {
    QUEUE_BYTES_MAX =
        16 * 1024 * 1024, /* above the longest block: an event of a MiB is up to 7 MiB of SSE */
    LOW_BYTES = 64 * 1024,
};

static const uint64_t STALL_NS_DEFAULT = 60000000000U;

static struct connection *connection_of(struct hark_stream *stream)
{
    return hark_container_of(stream, struct connection, stream);
}

/* --- uses --- */

static void over(struct worker *worker, enum protocol_kind protocol, struct peer *peer)
{
    peer_leave(peer);
    worker->calls->connection_ended(worker, protocol);
}

void connection_unused(struct connection *connection)
{
    struct worker *worker = connection->worker;
    enum protocol_kind protocol = connection->kind->protocol;
    struct peer *peer = connection->peer;
    list_remove(&connection->place);
    input_drop(&connection->input);
    incoming_set(&worker->incoming, &connection->incoming, 0);
    worker->counters.connections[protocol]--;
    connection->kind->free(connection);
    over(worker, protocol, peer);
    pending_end(&worker->connected);
}

/* --- working through what came --- */

/* Gives: false: it holds more than a little, and all together more than they may. */
static bool account(struct connection *connection)
{
    size_t bytes = connection->kind->held(connection) + input_held(&connection->input);
    return incoming_set(&connection->worker->incoming, &connection->incoming, bytes);
}

/* It has had its share: others are next. */
static void await_turn(struct connection *connection)
{
    if (connection->input.count >= TURNS_INPUT)
        hark_stream_read_stop(&connection->stream);
    turns_wait(&connection->worker->turns, &connection->turn);
}

static void rest(struct connection *connection, enum connection_next why)
{
    const struct connection_kind *kind = connection->kind;
    if (why == CONNECTION_DROP || connection->input.count == 0)
        input_drop(&connection->input);
    if (!account(connection) && kind->crowded && !connection->closing)
        kind->crowded(connection);
    if (connection->closing)
        return;
    if (why == CONNECTION_TURN)
        await_turn(connection);
    kind->rest(connection, why);
}

void connection_advance(struct connection *connection)
{
    if (connection->advancing || connection->closing)
        return;
    connection->advancing = true;
    connection_hold(connection);
    rest(connection, connection->kind->steps(connection));
    connection->advancing = false;
    connection_release(connection);
}

void connection_turn(struct turns_place *turn)
{
    connection_advance(hark_container_of(turn, struct connection, turn));
}

void connection_await(struct connection *connection)
{
    pending_begin(&connection->worker->accepted);
    connection_hold(connection);
}

void connection_answered(struct connection *connection)
{
    struct worker *worker = connection->worker;
    connection_advance(connection);
    connection_release(connection);
    pending_end(&worker->accepted);
}

/* --- the end --- */

static void deadline_ended(struct deadline *deadline)
{
    connection_release(hark_container_of(deadline, struct connection, deadline));
}

static void end(struct connection *connection)
{
    if (connection->ended)
        return;
    connection->ended = true;
    connection->closing = true;
    turns_leave(&connection->turn);
    connection->kind->ended(connection);
    /* May free the connection, if the stream is closed. */
    deadline_end(&connection->deadline, deadline_ended);
}

void connection_close(struct connection *connection)
{
    connection_hold(connection);
    hark_stream_close(&connection->stream);
    end(connection);
    connection_release(connection);
}

void connection_finish(struct connection *connection)
{
    if (connection->begun)
        connection->kind->finish(connection);
    else
        connection_close(connection);
}

void connection_close_after_sending(struct connection *connection)
{
    connection->closing = true;
    deadline_cancel(&connection->deadline);
    hark_stream_close_after_sending(&connection->stream);
}

/* --- the stream's events --- */

/* What is left of what the stream has lent is its own from here on, and counts. */
static void keep(struct connection *connection)
{
    if (input_keep(&connection->input) < 0)
        connection_close(connection);
    else if (connection->input.count != 0 && !connection->closing)
        account(connection);
}

static void received(struct hark_stream *stream, const void *bytes, int64_t count)
{
    struct connection *connection = connection_of(stream);
    if (connection->closing)
        return;
    if (count < 0) {
        connection_close(connection);
        return;
    }
    connection_hold(connection);
    if (count == 0)
        connection->peer_ended = true;
    else if (input_add(&connection->input, bytes, (size_t)count) < 0)
        connection_close(connection);
    connection_advance(connection);
    if (count == 0 && !connection->closing)
        connection->kind->peer_ended(connection);
    keep(connection);
    connection_release(connection);
}

static void drained(struct hark_stream *stream)
{
    connection_advance(connection_of(stream));
}

static void failed(struct hark_stream *stream, int error)
{
    (void)error; /* the peer is gone, or takes nothing: there is nobody to tell */
    connection_close(connection_of(stream));
}

/* The peer has closed all of it, not its side alone. */
static void gone(struct hark_stream *stream, int error)
{
    (void)error;
    connection_close(connection_of(stream));
}

static void closed(struct hark_stream *stream)
{
    struct connection *connection = connection_of(stream);
    end(connection);
    connection_release(connection);
}

static void begin(struct connection *connection)
{
    connection->begun = true;
    connection->kind->begin(connection);
}

/* A handshake has ended; of a failed one the peer was told by TLS itself, if it speaks that. */
static void connected(struct hark_stream *stream, int error)
{
    struct connection *connection = connection_of(stream);
    handshakes_count(&connection->worker->counters, stream, error);
    if (error == -EPROTOTYPE)
        handshakes_answer(stream);
    if (error < 0)
        connection_close(connection);
    else
        begin(connection);
}

static const struct hark_stream_events events = {
    .connected = connected,
    .received = received,
    .drained = drained,
    .failed = failed,
    .gone = gone,
    .closed = closed,
};

/* --- the beginning --- */

static void deadline_passed(struct deadline *deadline)
{
    struct connection *connection = hark_container_of(deadline, struct connection, deadline);
    connection->worker->counters.timeouts++;
    connection->kind->timed_out(connection);
}

/* Gives: false: no memory. */
static bool open_stream(struct worker *worker, struct connection *connection,
                        const struct arrival *arrival)
{
    const struct hark_stream_options options = {
        .queue_bytes_max = QUEUE_BYTES_MAX,
        .high_bytes = CONNECTION_HIGH_BYTES,
        .low_bytes = LOW_BYTES,
        .write_timeout_ns = connection_option(worker->options->stall_timeout_ns, STALL_NS_DEFAULT),
    };
    if (arrival->secure)
        return hark_stream_open_tls(worker->loop, &connection->stream, arrival->fd, worker->tls,
                                    NULL, &options, &events) == 0;
    hark_stream_open(worker->loop, &connection->stream, arrival->fd, &options, &events);
    return true;
}

bool connection_open(struct worker *worker, struct connection *connection,
                     const struct connection_kind *kind, const struct arrival *arrival)
{
    if (!open_stream(worker, connection, arrival))
        return false;
    connection->worker = worker;
    connection->kind = kind;
    connection->peer = arrival->peer;
    connection->secure = arrival->secure;
    connection->uses = 2; /* the stream and the deadline */
    turns_enter(&connection->turn);
    list_append(&worker->connections, &connection->place);
    pending_begin(&worker->connected);
    worker->counters.connections[kind->protocol]++;
    worker->counters.accepted[kind->protocol]++;
    deadline_init(&connection->deadline, worker->loop, deadline_passed);
    hark_stream_read_start(&connection->stream);
    if (!connection->secure)
        begin(connection);
    return true;
}

void connection_accept(struct worker *worker, const struct arrival *arrival)
{
    if (worker->state == WORKER_SERVES && arrival->protocol->open(worker, arrival))
        return;
    worker->counters.shed++;
    over(worker, arrival->protocol->kind, arrival->peer);
    hark_os_close(worker->loop, arrival->fd);
}
