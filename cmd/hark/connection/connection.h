/* connection.h - one connection: what HTTP and lines have in common.
 *
 * A connection's memory is used by its stream, its deadline, and by what it waits for (publishes, a
 * subscription): each holds one use, and the last that goes frees it.
 */
#ifndef CONNECTION_CONNECTION_H
#define CONNECTION_CONNECTION_H

#include "connection/worker.h"

struct connection_kind {
    enum protocol protocol;
    const struct hark_stream_events *events; /* closed is connection_stream_closed */
    void (*timed_out)(struct connection *connection);
    void (*go_on)(struct connection *connection); /* its turn has come; see turns.h */
    /* The worker is ending: no more requests; what is accepted is finished. */
    void (*finish)(struct connection *connection);
    /* The connection is closed, or is going to be: end what still uses it. Called once. */
    void (*ended)(struct connection *connection);
    /* Frees the memory. */
    void (*free)(struct connection *connection);
};

struct connection {
    struct worker *worker;
    const struct connection_kind *kind;
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
 * Takes: a zeroed connection.
 * Owns: fd. */
void connection_open(struct worker *worker, struct connection *connection,
                     const struct connection_kind *kind, int fd, struct peer *peer);

/* One use more, one less. */
void connection_hold(struct connection *connection);
void connection_release(struct connection *connection);

/* Closes it now; what is queued is dropped. Called again: nothing happens. */
void connection_close(struct connection *connection);

/* Closes it once what is queued is sent. */
void connection_close_after_sending(struct connection *connection);

/* For the stream's events. */
void connection_stream_closed(struct hark_stream *stream);
void connection_stream_failed(struct hark_stream *stream, int error);

/* The connection that a stream belongs to. */
static inline struct connection *connection_of(struct hark_stream *stream)
{
    return hark_container_of(stream, struct connection, stream);
}

/* Take over a connection of their protocol. Take: listener: where it came.
 * Owns: fd. Give: false: no memory, fd is still the caller's. */
bool http_connection_open(struct worker *worker, const struct listener *listener, int fd,
                          struct peer *peer);
bool lines_connection_open(struct worker *worker, const struct listener *listener, int fd,
                           struct peer *peer);

/* Takes over a connection that was dealt to the worker, or closes it at once: the worker ends, or
 * memory is lacking.
 * Owns: fd. */
void connection_open_or_shed(struct worker *worker, const struct listener *listener, int fd,
                             struct peer *peer);

#endif
