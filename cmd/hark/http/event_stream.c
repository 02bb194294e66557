/* event_stream.c - GET on a stream: the connection becomes a stream of server-sent events.
 *
 * The body ends with the connection (no chunks): that costs nothing per event, serves HTTP/1.0 too,
 * and is what EventSource and curl take alike. The first block tells the client how long to wait
 * before it comes back, and the id that it stands at, so that one that has seen no event yet misses
 * none either.
 */
#include "http/event_stream.h"
#include "broker/stream.h"
#include "connection/subscription.h"
#include "connection/visitor.h"
#include "http/answer.h"
#include "http/permission.h"

#include <stdlib.h>
#include <string.h>

#include "wire/name.h"
#include "wire/sse.h"

#define POSITION_HEAD "event: position\nid: "
#define POSITION_TAIL "\ndata:\n\n"

enum {
    RETRY_MILLISECONDS = 2000,
    FIRST_BYTES_MAX =
        SSE_RETRY_BYTES_MAX + ID_BYTES_MAX + sizeof(POSITION_HEAD) + sizeof(POSITION_TAIL),
};

static const char farewell[] = ": the server is ending\n\n";
static const char expired[] = ": the token has expired\n\n";
static const char not_any_more[] = ": this may not be read any more\n\n";

struct event_stream {
    struct subscription subscription;
    struct http_connection *http;
    struct broker_stream *stream; /* a handle */
    struct exchange exchange;     /* these until the stream is followed */
    enum broker_from from;
    uint64_t after;
};

static struct event_stream *event_stream_of(struct subscription *subscription)
{
    return hark_container_of(subscription, struct event_stream, subscription);
}

static void destroy(struct event_stream *events)
{
    broker_stream_close(events->stream);
    free(events);
}

static void closed(struct subscription *subscription)
{
    destroy(event_stream_of(subscription));
}

/* "retry: 2000", and the position as an event of its own kind with empty data: every client
 * remembers its id (some forget one that comes without data), and nobody sees the event who does
 * not ask for events named "position". */
static size_t first_block(const struct event_stream *events, char *to)
{
    size_t count = sse_retry_encode(RETRY_MILLISECONDS, to);
    memcpy(to + count, POSITION_HEAD, strlen(POSITION_HEAD));
    count += strlen(POSITION_HEAD);
    count += id_format(subscription_position(&events->subscription), to + count);
    memcpy(to + count, POSITION_TAIL, strlen(POSITION_TAIL));
    return count + strlen(POSITION_TAIL);
}

/* The head of the answer. Gives: false: it cannot be sent. */
static bool begin(struct http_connection *http, const struct exchange *exchange)
{
    static const struct http_line lines[] = {
        {"Cache-Control", "no-store"},
        {"X-Accel-Buffering", "no"},
        {0},
    };
    struct exchange last = *exchange;
    last.keep_alive = false;
    http->last = true;
    if (!answer_head(http, &last, 200, HTTP_LENGTH_UNTIL_CLOSE, SSE_TYPE, lines))
        return false;
    if (exchange->head_only)
        answer_done(http, &last);
    return true;
}

/* The stream is followed: its reader begins. */
static void subscribe(struct event_stream *events)
{
    struct http_connection *http = events->http;
    struct connection *connection = &http->connection;
    char first[FIRST_BYTES_MAX];
    http->events = events;
    http->step = HTTP_STEP_STREAM;
    deadline_cancel(&connection->deadline);
    visitor_expires(connection, &http->follower);
    subscription_open(&events->subscription, events->stream, BROKER_SSE, events->from,
                      events->after, closed);
    http_request_done(&http->request);
    hark_stream_read_start(
        &connection->stream); /* nothing is expected: the client's end is seen so */
    if (!connection_write(connection, first, first_block(events, first)))
        return;
    hark_stream_trim(&connection->stream); /* all that follows are blocks */
    if (connection->peer_ended) { /* it ended its side before: nothing more tells that it is gone */
        event_stream_close(http);
        connection_close_after_sending(connection);
    }
}

static bool may_read(const struct event_stream *events)
{
    const struct http_connection *http = events->http;
    return access_allow(&http->connection.worker->access, &http->follower, ACCESS_READ,
                        broker_stream_name(events->stream));
}

static void followed(struct subscription *subscription, int error)
{
    struct event_stream *events = event_stream_of(subscription);
    struct http_connection *http = events->http;
    struct exchange exchange = events->exchange;
    exchange.keep_alive = false;
    http_unblock(http);
    if (!http->connection.closing && error == 0 && !may_read(events)) {
        permission_forbidden(http, &exchange);
        destroy(events);
    } else if (http->connection.closing || error < 0 || !begin(http, &exchange)) {
        if (!http->connection.closing)
            answer_no_memory(http, &exchange);
        destroy(events);
    } else {
        subscribe(events);
    }
}

void event_stream_open(struct http_connection *http, const struct exchange *exchange,
                       enum broker_from from, uint64_t after)
{
    if (exchange->head_only) {
        begin(http, exchange);
        return;
    }
    struct event_stream *events = calloc(1, sizeof *events);
    if (!events) {
        connection_close(&http->connection);
        return;
    }
    *events = (struct event_stream){.http = http,
                                    .stream = http->route.stream,
                                    .exchange = *exchange,
                                    .from = from,
                                    .after = after};
    http->route.stream = NULL;
    http_follow(http);
    int known =
        subscription_follow(&events->subscription, &http->connection, events->stream, followed);
    if (known == 0) {
        http->last = true; /* it ends in a stream, or not at all */
        http_block(http);
    } else if (known > 0 && begin(http, exchange)) {
        subscribe(events);
    } else {
        if (known < 0)
            answer_no_memory(http, exchange);
        destroy(events);
    }
}

void event_stream_close(struct http_connection *http)
{
    struct event_stream *events = http->events;
    http->events = NULL;
    if (events)
        subscription_close(&events->subscription);
}

static void finish(struct http_connection *http, const char *comment)
{
    struct connection *connection = &http->connection;
    if (!connection_write(connection, comment, strlen(comment)))
        return;
    event_stream_close(http);
    connection_close_after_sending(connection);
}

void event_stream_finish(struct http_connection *http)
{
    finish(http, farewell);
}

void event_stream_check(struct http_connection *http)
{
    if (http->events && !may_read(http->events))
        finish(http, not_any_more);
}

void event_stream_timed_out(struct http_connection *http)
{
    if (visitor_expired(&http->connection, &http->follower))
        finish(http, expired);
    else /* clocks were set meanwhile */
        visitor_expires(&http->connection, &http->follower);
}
