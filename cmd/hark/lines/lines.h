/* lines.h - a connection to the lines port, as the files of this folder see it. */
#ifndef HARK_COMMAND_LINES_LINES_H
#define HARK_COMMAND_LINES_LINES_H

#include "connection/subscription.h"

#include "wire/lines.h"

struct lines_batch;

enum lines_mode {
    LINES_MODE_COMMAND, /* waits for the first line */
    LINES_MODE_PUBLISH,
    LINES_MODE_SUBSCRIBE,
};

/* PUB: what is published; see publish.c. */
struct lines_publishing {
    bool ack;
    uint64_t until_ns;           /* nothing more is taken then, on the loop's clock */
    bool present;                /* it may append, and make no stream: there has to be one */
    struct lines_batch *batches; /* those that are free */
    struct lines_batch *filling;
    size_t batches_made;
    size_t pending;       /* events in flight */
    size_t pending_bytes; /* of batches in flight */
};

/* SUB: what is subscribed to; see subscribe.c. */
struct lines_subscribing {
    struct subscription subscription;
    enum lines_from from; /* of the command */
    uint64_t after;
    bool position;
};

struct lines_connection {
    struct connection connection;
    struct lines_splitter splitter;
    enum lines_mode mode;
    const char *refusal; /* what to say once the answers that are pending are written; NULL:
                            nothing */
    bool finishing;      /* the server ends: what comes is passed over, half a line that came before
                            would be missing */
    struct broker_stream *stream;
    bool authenticated;    /* AUTH was said */
    struct access_who who; /* who has shown a token, or the user at the other end; held */
    struct lines_publishing publishing;
    struct lines_subscribing subscribing;
};

static inline struct lines_connection *lines_connection_of(struct connection *connection)
{
    return hark_container_of(connection, struct lines_connection, connection);
}

#endif
