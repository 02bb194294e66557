/* connection.h - one connection to a server's lines port: connecting, the answers as lines, and one
 * end, whatever the cause. */
#ifndef HARK_COMMAND_CLIENT_CONNECTION_H
#define HARK_COMMAND_CLIENT_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>

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
    const struct names *server;
    const struct hark_address *address; /* of the server's, the one that is connected to */
    size_t tried;                       /* how many addresses */
    struct hark_op connect;
    struct hark_op close;
    struct hark_stream stream;
    struct lines_splitter splitter;
    int fd;
    int error;        /* why the connection ended: 0 the peer or the owner ended it; a negative
                         errno */
    char reason[256]; /* what the server said after ERR; "" nothing */
    bool streaming;   /* `stream` has the descriptor */
    bool closing;
};

/* Connects to the first address that takes it; each has ten seconds.
 * Takes: server: must stay until `ended`.
 * Gives: nothing at once; `opened`, or `ended` with the error. */
void client_connection_open(struct hark_loop *loop, struct client_connection *connection,
                            const struct names *server,
                            const struct client_connection_events *events);

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
