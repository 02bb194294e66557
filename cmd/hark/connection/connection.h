/* connection.h - one connection: what HTTP and lines have in common.
 *
 * A session's memory is used by its stream, its deadline, and by what it waits for (publishes, a
 * subscription): each holds one use, and the last that goes frees it.
 */
#ifndef CONNECTION_CONNECTION_H
#define CONNECTION_CONNECTION_H

#include "connection/worker.h"

struct session_kind {
    enum protocol protocol;
    const struct hark_stream_events *events; /* closed is session_stream_closed */
    void (*timed_out)(struct session *session);
    void (*go_on)(struct session *session); /* its turn has come; see turns.h */
    /* The agent is ending: no more requests; what is accepted is finished. */
    void (*finish)(struct session *session);
    /* The connection is closed, or is going to be: end what still uses it. Called once. */
    void (*ended)(struct session *session);
    /* Frees the memory. */
    void (*free)(struct session *session);
};

struct session {
    struct agent *agent;
    const struct session_kind *kind;
    struct list place;
    struct hark_stream stream;
    struct deadline deadline;
    struct turns_place turns;
    int fd;            /* the stream's */
    struct peer *peer; /* where it is from; NULL: nobody counts */
    unsigned uses;
    size_t incoming; /* bytes of bodies and lines that it holds */
    bool closing;    /* nothing more is read or written */
    bool ended;
};

/* Takes over a connection.
 * Takes: a zeroed session.
 * Owns: fd. */
void session_open(struct agent *agent, struct session *session, const struct session_kind *kind,
                  int fd, struct peer *peer);

/* One use more, one less. */
void session_hold(struct session *session);
void session_release(struct session *session);

/* Closes it now; what is queued is dropped. Called again: nothing happens. */
void session_close(struct session *session);

/* Closes it once what is queued is sent. */
void session_close_after_sending(struct session *session);

/* For the stream's events. */
void session_stream_closed(struct hark_stream *stream);
void session_stream_failed(struct hark_stream *stream, int error);

/* The session that a stream belongs to. */
static inline struct session *session_of(struct hark_stream *stream)
{
    return hark_container_of(stream, struct session, stream);
}

/* Take over a connection of their protocol. Take: port: where it came.
 * Owns: fd. Give: false: no memory, fd is still the caller's. */
bool session_http_open(struct agent *agent, const struct port *port, int fd, struct peer *peer);
bool session_lines_open(struct agent *agent, const struct port *port, int fd, struct peer *peer);

/* Takes over a connection that was dealt to the agent, or closes it at once: the agent ends, or
 * memory is lacking.
 * Owns: fd. */
void session_open_or_shed(struct agent *agent, const struct port *port, int fd, struct peer *peer);

#endif
