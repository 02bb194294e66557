/* lines.h - a connection to the lines port. */
#ifndef LINES_LINES_H
#define LINES_LINES_H

#include "broker/reader.h"
#include "connection/connection.h"

#include "wire/lines.h"

struct lines_batch;

enum lines_mode {
    LINES_MODE_COMMAND, /* waits for the first line */
    LINES_MODE_PUBLISH,
    LINES_MODE_SUBSCRIBE,
};

struct lines_connection {
    struct connection connection;
    struct lines_splitter splitter;
    enum lines_mode mode;
    const char *input; /* bytes that came and were not looked at */
    size_t input_count;
    char *kept; /* the same, where they had to be copied */
    const char
        *refusal; /* what to say once the answers that are pending are written; NULL: nothing */
    bool peer_ended;
    bool advancing;

    struct broker_stream *stream;
    bool ack;
    struct lines_batch *batches; /* those that are free */
    struct lines_batch *filling;
    size_t batches_made;
    size_t pending;       /* events in flight */
    size_t pending_bytes; /* of batches in flight */

    struct broker_reader subscriber;
    struct broker_follow follow;
    struct lines_command *command; /* of a subscriber, until its stream is followed */
    bool subscribed;
    struct hark_op gone; /* once a subscriber has ended its side: waits for the end of the other */
};

/* Says "ERR reason" and closes. */
void lines_refuse(struct lines_connection *lines, const char *reason);

/* Goes on with what waits: after an answer, or when the queue has drained. */
void lines_advance(struct lines_connection *lines);

/* --- publish.c --- */

/* Whether one more event can be taken. */
bool publish_lines_may(const struct lines_connection *lines);

/* Takes an event; it is published with those around it by the next flush.
 * Gives: 0.
 * Fails: -ENOMEM. */
int publish_lines_add(struct lines_connection *lines, const char *bytes, size_t count);

/* Publishes what was taken. */
void publish_lines_flush(struct lines_connection *lines);

/* Frees all batches.
 * Takes: a connection with no event in flight. */
void publish_lines_done(struct lines_connection *lines);

#endif
