/* subscriber.h - a subscriber of a broker in this process, and the other end of its connection,
 * which holds what it gets against the numbers that were published. */
#ifndef TESTS_BROKER_SUBSCRIBER_H
#define TESTS_BROKER_SUBSCRIBER_H

#include "broker/reader.h"
#include "broker/stream.h"
#include "harness/harness.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct subscriber {
    struct hark_stream output;
    struct broker_reader reader;
    struct broker_follow follow;
    struct broker_stream *stream;
    enum broker_from from;
    enum broker_encoding encoding;
    int peer;
    bool begun;   /* it subscribes */
    bool closing; /* it is to end */
    bool stream_closed;
    bool reader_closed;
    bool closed;
    bool any;    /* it may begin with any number, and `next` follows from the first */
    size_t next; /* the number that the next event should have */
    uint64_t last;
    char line[64];
    size_t count;
    size_t events;
};

void subscriber_open_as(struct hark_loop *loop, struct broker *broker,
                        struct subscriber *subscriber, const char *name, enum broker_from from,
                        uint64_t after, enum broker_encoding encoding);
void subscriber_open(struct hark_loop *loop, struct broker *broker, struct subscriber *subscriber,
                     const char *name, enum broker_from from, uint64_t after);

/* Ends it; called again: nothing happens. It is over when `closed` is true. */
void subscriber_close(struct subscriber *subscriber);

/* Takes what has come: asserts that it is the next numbers, each once; a blank and anything may
 * follow a number. Takes: most: at most so many bytes. */
void subscriber_take(struct subscriber *subscriber, size_t most);

#endif
