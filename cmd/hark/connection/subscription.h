/* subscription.h - a connection that becomes a subscriber of a stream: first the stream is
 * followed, which may take a question to the owner, then its reader begins. */
#ifndef HARK_COMMAND_CONNECTION_SUBSCRIPTION_H
#define HARK_COMMAND_CONNECTION_SUBSCRIPTION_H

#include "broker/reader.h"
#include "connection/connection.h"

struct subscription;

/* The stream is followed, or error tells why not: -ENOMEM. Call subscription_open now, inside of
 * this call, or not at all. */
typedef void subscription_followed(struct subscription *subscription, int error);

/* Its memory is needed no more. */
typedef void subscription_closed(struct subscription *subscription);

/* In the caller's memory, zeroed before its first use; all private. */
struct subscription {
    struct connection *connection;
    struct broker_follow follow;
    struct broker_reader reader;
    subscription_followed *followed;
    subscription_closed *closed;
    bool open;
};

/* Follows a stream.
 * Gives: 1: it is followed; 0: `followed` will be called, which the connection awaits.
 * Fails: -ENOMEM.
 * Owns: the caller's handle on the stream stays until `followed`. */
int subscription_follow(struct subscription *subscription, struct connection *connection,
                        struct broker_stream *stream, subscription_followed *followed);

/* Begins: from here on the connection's output is the reader's, as broker_reader_open has it.
 * Takes: closed: called once it is closed; NULL: nobody needs to know. The connection stays until
 *   then. */
void subscription_open(struct subscription *subscription, struct broker_stream *stream,
                       enum broker_encoding encoding, enum broker_from from, uint64_t after,
                       subscription_closed *closed);

/* Ends it, if it is open. Called again: nothing happens. */
void subscription_close(struct subscription *subscription);

/* The id after which a subscriber that comes back would go on; at first: where it began. */
static inline uint64_t subscription_position(const struct subscription *subscription)
{
    return broker_reader_position(&subscription->reader);
}

#endif
