/* subscription.c - what a subscriber uses of its connection, and until when. */
#include "connection/subscription.h"

static void follow_done(struct broker_follow *follow, int error)
{
    struct subscription *subscription = hark_container_of(follow, struct subscription, follow);
    struct connection *connection = subscription->connection;
    subscription->followed(subscription, error); /* which may be gone afterwards */
    connection_answered(connection);
}

int subscription_follow(struct subscription *subscription, struct connection *connection,
                        struct broker_stream *stream, subscription_followed *followed)
{
    subscription->connection = connection;
    subscription->followed = followed;
    int known = broker_follow(stream, &subscription->follow, follow_done);
    if (known == 0)
        connection_await(connection);
    return known;
}

static void reader_closed(struct broker_reader *reader)
{
    struct subscription *subscription = hark_container_of(reader, struct subscription, reader);
    struct connection *connection = subscription->connection;
    if (subscription->closed)
        subscription->closed(subscription);
    connection_release(connection);
}

void subscription_open(struct subscription *subscription, struct broker_stream *stream,
                       enum broker_encoding encoding, enum broker_from from, uint64_t after,
                       subscription_closed *closed)
{
    struct connection *connection = subscription->connection;
    subscription->closed = closed;
    subscription->open = true;
    connection_hold(connection);
    broker_reader_open(stream, &subscription->reader, &connection->stream, encoding, from, after,
                       reader_closed);
}

void subscription_close(struct subscription *subscription)
{
    if (!subscription->open)
        return;
    subscription->open = false;
    broker_reader_close(&subscription->reader);
}
