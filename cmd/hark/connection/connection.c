/* connection.c - the life of a connection, whatever it speaks. */
#include "connection/connection.h"
#include "base/check.h"

enum {
    QUEUE_BYTES_MAX =
        16 * 1024 * 1024, /* above the longest block: an event of a MiB is up to 7 MiB of SSE */
    HIGH_BYTES = 256 * 1024,
    LOW_BYTES = 64 * 1024,
};

static const uint64_t STALL_NS_DEFAULT = 60000000000U;

void connection_hold(struct connection *connection)
{
    connection->uses++;
}

/* The worker writes this number alone, and the owner reads it. */
static void connection_over(struct worker *worker, enum protocol protocol, struct peer *peer)
{
    peer_leave(peer);
    atomic_fetch_sub_explicit(&worker->server->open[protocol], 1, memory_order_relaxed);
    uint64_t over = atomic_load_explicit(&worker->over, memory_order_relaxed);
    atomic_store_explicit(&worker->over, over + 1, memory_order_relaxed);
}

void connection_open_or_shed(struct worker *worker, const struct listener *listener, int fd,
                             struct peer *peer)
{
    bool taken = false;
    if (worker->ending == ENDING_NOT)
        taken = listener->protocol == PROTOCOL_HTTP
                    ? http_connection_open(worker, listener, fd, peer)
                    : lines_connection_open(worker, listener, fd, peer);
    if (taken)
        return;
    worker->counters.shed++;
    connection_over(worker, listener->protocol, peer);
    hark_os_close(worker->loop, fd);
}

void connection_release(struct connection *connection)
{
    struct worker *worker = connection->worker;
    check(connection->uses > 0);
    if (--connection->uses != 0)
        return;
    list_remove(&connection->place);
    incoming_set(connection, 0);
    worker->counters.connections[connection->kind->protocol]--;
    connection_over(worker, connection->kind->protocol, connection->peer);
    connection->kind->free(connection);
    if (worker_is_owner(worker) && worker->log)
        reserve_fill(worker);
    shutdown_advance(worker);
}

static void deadline_passed(struct deadline *deadline)
{
    struct connection *connection = hark_container_of(deadline, struct connection, deadline);
    connection->worker->counters.timeouts++;
    connection->kind->timed_out(connection);
}

void connection_open(struct worker *worker, struct connection *connection,
                     const struct connection_kind *kind, int fd, struct peer *peer)
{
    uint64_t stall_ns = worker->options->stall_timeout_ns;
    struct hark_stream_options options = {
        .queue_bytes_max = QUEUE_BYTES_MAX,
        .high_bytes = HIGH_BYTES,
        .low_bytes = LOW_BYTES,
        .write_timeout_ns = stall_ns != 0 ? stall_ns : STALL_NS_DEFAULT,
    };
    connection->worker = worker;
    connection->kind = kind;
    connection->fd = fd;
    connection->peer = peer;
    connection->uses = 2; /* the stream and the deadline */
    list_init(&connection->turns.place);
    list_append(&worker->connections, &connection->place);
    worker->counters.connections[kind->protocol]++;
    worker->counters.accepted[kind->protocol]++;
    deadline_init(&connection->deadline, worker->loop, deadline_passed);
    hark_stream_open(worker->loop, &connection->stream, fd, &options, kind->events);
    hark_stream_read_start(&connection->stream);
}

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
    list_remove(&connection->turns.place);
    connection->kind->ended(connection);
    deadline_end(&connection->deadline,
                 deadline_ended); /* may free the connection, if the stream is closed */
}

void connection_close(struct connection *connection)
{
    connection_hold(connection);
    hark_stream_close(&connection->stream);
    end(connection);
    connection_release(connection);
}

void connection_close_after_sending(struct connection *connection)
{
    connection->closing = true;
    deadline_cancel(&connection->deadline);
    hark_stream_close_after_sending(&connection->stream);
}

void connection_stream_closed(struct hark_stream *stream)
{
    struct connection *connection = connection_of(stream);
    end(connection);
    connection_release(connection);
}

void connection_stream_failed(struct hark_stream *stream, int error)
{
    (void)error; /* the peer is gone, or takes nothing: there is nobody to tell */
    connection_close(connection_of(stream));
}
