/* connection.h - one connection: what HTTP and lines have in common.
 *
 * A connection's memory is used by its stream, its deadline, and by what it waits for (publishes, a
 * subscription): each holds one use, and the last that goes frees it.
 *
 * What came is worked through in steps (a request, a line), by connection_advance alone: while the
 * kind finds one to take, and as long as the connection's share of the turn lasts. What is left
 * then is kept, and if nothing more may be taken, reading stops and TCP holds the peer back.
 */
#ifndef HARK_COMMAND_CONNECTION_CONNECTION_H
#define HARK_COMMAND_CONNECTION_CONNECTION_H

#include "base/check.h"
#include "base/deadline.h"
#include "base/input.h"
#include "connection/peers.h"
#include "connection/worker.h"

struct connection;

/* A connection that was accepted and is nobody's yet. */
struct arrival {
    const struct protocol *protocol;
    int fd;
    struct peer *peer; /* where it is from; NULL: nobody counts */
    bool guarded;      /* requests for hosts that nobody named are refused */
    bool secure;       /* it speaks TLS: there is a worker->tls */
};

/* What may be spoken on a connection. */
struct protocol {
    const char *name; /* "http" */
    enum protocol_kind kind;
    /* Takes a connection over. Owns: arrival->fd. Gives: false: no memory, and nothing is owned. */
    bool (*open)(struct worker *worker, const struct arrival *arrival);
};

enum { CONNECTION_HIGH_BYTES = 256 * 1024 }; /* of what was not sent: nothing more is taken */

/* What can be done with what came. */
enum connection_next {
    CONNECTION_STEP, /* a step can be taken */
    CONNECTION_MORE, /* more has to come */
    CONNECTION_HELD, /* something else has to happen before: nothing is read meanwhile */
    CONNECTION_DROP, /* it is of no use: it is dropped, and so is what comes */
    CONNECTION_TURN, /* a step waits for the connection's turn; not the kind's to say */
};

/* What a protocol makes of it. */
struct connection_kind {
    enum protocol_kind protocol;
    /* The peer may speak: limits how long it may take. Called once; over TLS when the handshake is
     * over. */
    void (*begin)(struct connection *connection);
    /* Takes what steps there are and may be taken: connection_steps with two functions of the
     * kind. Gives: why no more are. */
    enum connection_next (*steps)(struct connection *connection);
    /* What it holds of what came, besides its input. */
    size_t (*held)(struct connection *connection);
    /* It holds more than a little, and all together hold more than they may. NULL: that is found
     * out by another way. */
    void (*crowded)(struct connection *connection);
    /* Waits for what comes next, or ends. Takes: why no step is taken. */
    void (*rest)(struct connection *connection, enum connection_next why);
    /* The peer has ended its side; what came before it is worked through, as far as it may be. */
    void (*peer_ended)(struct connection *connection);
    void (*timed_out)(struct connection *connection);
    /* Other rules hold: ends what was begun by those of before and is not allowed any more. */
    void (*rules_changed)(struct connection *connection);
    /* The worker ends: no more requests; what is accepted is finished; subscribers stay until it
     * leaves (worker->state). */
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
    struct turns_place turn;
    struct input input;
    struct peer *peer; /* where it is from; NULL: nobody counts */
    unsigned uses;
    size_t incoming;           /* bytes of bodies and lines that it holds */
    struct access_who visitor; /* without a token: of visitor.h */
    uint64_t address;          /* what it counts as: likewise */
    bool visited;
    bool addressed;
    bool advancing;
    bool secure; /* it is over TLS */
    bool begun;  /* its handshake, if it has one, is over */
    bool peer_ended;
    bool closing; /* nothing more is read or written */
    bool ended;
};

/* Takes over a connection.
 * Takes: a zeroed connection.
 * Owns: arrival->fd.
 * Gives: false: no memory, and nothing is owned. */
bool connection_open(struct worker *worker, struct connection *connection,
                     const struct connection_kind *kind, const struct arrival *arrival);

/* Nobody uses it any more: frees it. For connection_release alone. */
void connection_unused(struct connection *connection);

/* One use more, one less. */
static inline void connection_hold(struct connection *connection)
{
    connection->uses++;
}

static inline void connection_release(struct connection *connection)
{
    check(connection->uses > 0);
    if (--connection->uses == 0)
        connection_unused(connection);
}

/* Goes on with what waits: after an answer, or when something may be taken again. The connection
 * may be gone afterwards, unless it is held. */
void connection_advance(struct connection *connection);

/* Something was accepted, and its answer comes later: the connection stays until
 * connection_answered, and the worker's end waits for it. */
void connection_await(struct connection *connection);

/* It has come, or nobody needs it any more. Goes on; the connection may be gone afterwards. */
void connection_answered(struct connection *connection);

/* The worker ends: kind->finish, or closes it while its handshake is not over. */
void connection_finish(struct connection *connection);

/* Closes it now; what is queued is dropped. Called again: nothing happens. */
void connection_close(struct connection *connection);

/* Closes it once what is queued is sent. */
void connection_close_after_sending(struct connection *connection);

/* Writes, or closes it now: what is left out would shift what follows.
 * Gives: false: it is closed. */
static inline bool connection_write(struct connection *connection, const void *bytes, size_t count)
{
    if (count != 0 && hark_stream_write(&connection->stream, bytes, count) >= 0)
        return true;
    connection_close(connection);
    return false;
}

/* Whether the peer does not take what it was sent. */
static inline bool connection_is_full(const struct connection *connection)
{
    return hark_stream_queued(&connection->stream) >= CONNECTION_HIGH_BYTES;
}

/* Takes steps while there are any, and as long as the share lasts. Stands here so that it becomes
 * one with the two that it calls for each of thousands of lines; the share is looked at only where
 * there is a step.
 * Takes: step: gives what it has cost, in units of turns.h.
 * Gives: why no more are taken. */
static inline enum connection_next connection_steps(
    struct connection *connection, enum connection_next (*next)(struct connection *),
    int64_t (*step)(struct connection *))
{
    struct turns *turns = &connection->worker->turns;
    enum connection_next what = CONNECTION_DROP;
    int64_t spent = 0, share = 0;
    while (!connection->closing && (what = next(connection)) == CONNECTION_STEP) {
        if (spent == 0)
            share = turns_left(turns, &connection->turn);
        if (spent >= share)
            break;
        spent += step(connection);
    }
    turns_spend(turns, &connection->turn, spent);
    if (connection->closing)
        return CONNECTION_DROP;
    return what == CONNECTION_STEP ? CONNECTION_TURN : what;
}

/* Takes over a connection that was dealt to the worker, or closes it at once: the worker ends, or
 * memory is lacking.
 * Owns: arrival->fd. */
void connection_accept(struct worker *worker, const struct arrival *arrival);

/* For the worker's turns. */
void connection_turn(struct turns_place *turn);

#endif
