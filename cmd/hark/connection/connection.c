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

void session_hold(struct session *session)
{
    session->uses++;
}

/* The agent writes this number alone, and the owner reads it. */
static void connection_over(struct agent *agent, enum protocol protocol, struct peer *peer)
{
    peer_leave(peer);
    atomic_fetch_sub_explicit(&agent->crew->open[protocol], 1, memory_order_relaxed);
    uint64_t over = atomic_load_explicit(&agent->over, memory_order_relaxed);
    atomic_store_explicit(&agent->over, over + 1, memory_order_relaxed);
}

void session_open_or_shed(struct agent *agent, const struct port *port, int fd, struct peer *peer)
{
    bool taken = false;
    if (agent->ending == ENDING_NOT)
        taken = port->protocol == PROTOCOL_HTTP ? session_http_open(agent, port, fd, peer)
                                                : session_lines_open(agent, port, fd, peer);
    if (taken)
        return;
    agent->counters.shed++;
    connection_over(agent, port->protocol, peer);
    hark_os_close(agent->loop, fd);
}

void session_release(struct session *session)
{
    struct agent *agent = session->agent;
    check(session->uses > 0);
    if (--session->uses != 0)
        return;
    list_remove(&session->place);
    incoming_set(session, 0);
    agent->counters.connections[session->kind->protocol]--;
    connection_over(agent, session->kind->protocol, session->peer);
    session->kind->free(session);
    if (agent_is_owner(agent) && agent->log)
        reserve_fill(agent);
    shutdown_advance(agent);
}

static void deadline_passed(struct deadline *deadline)
{
    struct session *session = hark_container_of(deadline, struct session, deadline);
    session->agent->counters.timeouts++;
    session->kind->timed_out(session);
}

void session_open(struct agent *agent, struct session *session, const struct session_kind *kind,
                  int fd, struct peer *peer)
{
    uint64_t stall_ns = agent->options->stall_timeout_ns;
    struct hark_stream_options options = {
        .queue_bytes_max = QUEUE_BYTES_MAX,
        .high_bytes = HIGH_BYTES,
        .low_bytes = LOW_BYTES,
        .write_timeout_ns = stall_ns != 0 ? stall_ns : STALL_NS_DEFAULT,
    };
    session->agent = agent;
    session->kind = kind;
    session->fd = fd;
    session->peer = peer;
    session->uses = 2; /* the stream and the deadline */
    list_init(&session->turns.place);
    list_append(&agent->sessions, &session->place);
    agent->counters.connections[kind->protocol]++;
    agent->counters.accepted[kind->protocol]++;
    deadline_init(&session->deadline, agent->loop, deadline_passed);
    hark_stream_open(agent->loop, &session->stream, fd, &options, kind->events);
    hark_stream_read_start(&session->stream);
}

static void deadline_ended(struct deadline *deadline)
{
    session_release(hark_container_of(deadline, struct session, deadline));
}

static void end(struct session *session)
{
    if (session->ended)
        return;
    session->ended = true;
    session->closing = true;
    list_remove(&session->turns.place);
    session->kind->ended(session);
    deadline_end(&session->deadline,
                 deadline_ended); /* may free the session, if the stream is closed */
}

void session_close(struct session *session)
{
    session_hold(session);
    hark_stream_close(&session->stream);
    end(session);
    session_release(session);
}

void session_close_after_sending(struct session *session)
{
    session->closing = true;
    deadline_cancel(&session->deadline);
    hark_stream_close_after_sending(&session->stream);
}

void session_stream_closed(struct hark_stream *stream)
{
    struct session *session = session_of(stream);
    end(session);
    session_release(session);
}

void session_stream_failed(struct hark_stream *stream, int error)
{
    (void)error; /* the peer is gone, or takes nothing: there is nobody to tell */
    session_close(session_of(stream));
}
