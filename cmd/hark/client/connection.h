/* connection.h - one connection to a server's lines port: connecting, the answers as lines, and one
 * end, whatever the cause. */
#ifndef HARK_COMMAND_CLIENT_CONNECTION_H
#define HARK_COMMAND_CLIENT_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>

#include "client/tls.h"
#include "hark.h"
#include "options/names.h"
#include "wire/lines.h"

struct client_connection;

/* What a connection tells its owner; none comes from inside a call of this header. */
struct client_connection_events {
    void (*opened)(struct client_connection *connection);
    /* A line from the server, but ERR: that ends the connection. Valid until the callback
     * returns. */
    void (*line)(struct client_connection *connection, const struct lines_output *output);
    /* The write queue has room again. */
    void (*drained)(struct client_connection *connection);
    /* Last of all, once: the connection may be opened again. `error` and `reason` tell the
     * cause. */
    void (*ended)(struct client_connection *connection);
};

/* In the caller's memory, zeroed before its first use. */
struct client_connection {
    struct hark_loop *loop;
    const struct client_connection_events *events;
    const struct name *server;
    const struct client_tls *tls; /* NULL, or one without a context: none */
    struct hark_address peer;     /* where the server was found; length 0: nowhere yet */
    struct hark_stream stream;
    struct hark_op defer; /* tells the end where no stream could be made */
    struct lines_splitter splitter;
    int error;        /* why the connection ended: 0 the peer or the owner ended it; a negative
                         errno, or enum hark_lookup_error */
    char reason[256]; /* what the server said after ERR; "" nothing */
    char broken[HARK_TLS_WHY_BYTES]; /* what is wrong with TLS; "" nothing */
    bool streaming;                  /* `stream` is open */
    bool connected;
    bool closing;
    bool as_before;  /* it is tried where it was last: its name could not be looked up */
    bool tries_peer; /* that is to be done once the stream is closed */
    bool abandons;   /* a look-up, of this connection or one before, had not ended in time */
};

/* Connects to a server. A name is looked up first, and its addresses are raced
 * (hark_stream_connect_name); it has 20 seconds for all of that. If nobody knows the name any more
 * the address of the connection before is tried, for as long once more.
 * Takes: server, tls: must stay until `ended`; tls NULL: none.
 * Gives: nothing at once; `opened`, or `ended` with the error. */
void client_connection_open(struct hark_loop *loop, struct client_connection *connection,
                            const struct name *server, const struct client_tls *tls,
                            const struct client_connection_events *events);

/* Whether a look-up may be under way still behind a connection that has ended: then hark_run would
 * wait for it. */
bool client_connection_looks_up(const struct client_connection *connection);

/* Queues bytes.
 * Gives: false if the queue is full for now: wait for `drained`. What fails for good ends the
 *   connection. */
bool client_connection_write(struct client_connection *connection, const void *bytes, size_t count);

/* Holds answers back, and lets them come again. */
void client_connection_pause(struct client_connection *connection);
void client_connection_resume(struct client_connection *connection);

/* Ends the connection; `ended` follows. Called again: nothing happens. */
void client_connection_close(struct client_connection *connection);

/* Prints why a connection ended, in one line.
 * Takes: rest: what follows from it, put at the end: "; trying again". */
void client_connection_say_ended(const struct client_connection *connection, const char *rest);

#endif
