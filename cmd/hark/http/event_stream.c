/* event_stream.c - GET on a stream: the connection becomes a stream of server-sent events.
 *
 * The body ends with the connection (no chunks): that costs nothing per event, serves HTTP/1.0 too,
 * and is what EventSource and curl take alike. The first block tells the client how long to wait
 * before it comes back, and the id that it stands at, so that one that has seen no event yet misses
 * none either.
 */
#include "http/event_stream.h"
#include "broker/reader.h"
#include "broker/stream.h"
#include "http/answer.h"

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

struct event_stream {
    struct broker_reader subscriber;
    struct http_connection *http;
    struct broker_follow follow; /* these until the stream is followed */
    struct broker_stream *stream;
    struct exchange exchange;
    enum broker_from from;
    uint64_t after;
};

static void subscriber_closed(struct broker_reader *subscriber)
{
    struct event_stream *events = hark_container_of(subscriber, struct event_stream, subscriber);
    struct connection *connection = &events->http->connection;
    free(events);
    connection_release(connection);
}

/* "retry: 2000", and the position as an event of its own kind with empty data: every client
 * remembers its id (some forget one that comes without data), and nobody sees the event who does
 * not ask for events named "position". */
static size_t first_block(const struct event_stream *events, char *to)
{
    size_t count = sse_retry_encode(RETRY_MILLISECONDS, to);
    memcpy(to + count, POSITION_HEAD, strlen(POSITION_HEAD));
    count += strlen(POSITION_HEAD);
    count += id_format(broker_reader_position(&events->subscriber), to + count);
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

/* The stream is followed: the subscriber begins. */
static void subscribe(struct event_stream *events, struct broker_stream *stream)
{
    struct http_connection *http = events->http;
    struct connection *connection = &http->connection;
    char first[FIRST_BYTES_MAX];
    http->events = events;
    http->step = HTTP_STEP_STREAM;
    connection_hold(connection);
    deadline_cancel(&connection->deadline);
    broker_reader_open(stream, &events->subscriber, &connection->stream, BROKER_SSE, events->from,
                       events->after, subscriber_closed);
    http_request_done(&http->request);
    hark_stream_read_start(
        &connection->stream); /* nothing is expected: the client's end is seen so */
    if (hark_stream_write(&connection->stream, first, first_block(events, first)) < 0) {
        connection_close(connection);
    } else if (http->peer_ended) { /* it ended its side before: nothing more tells that it is gone
                                    */
        event_stream_close(http);
        connection_close_after_sending(connection);
    }
}

static void followed(struct broker_follow *follow, int error)
{
    struct event_stream *events = hark_container_of(follow, struct event_stream, follow);
    struct http_connection *http = events->http;
    struct broker_stream *stream = events->stream;
    struct exchange exchange = events->exchange;
    exchange.keep_alive = false;
    if (http->connection.closing || error < 0 || !begin(http, &exchange)) {
        if (!http->connection.closing)
            answer_no_memory(http, &exchange);
        free(events);
    } else {
        subscribe(events, stream);
    }
    broker_stream_close(stream);
    http_answered(http);
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
    *events =
        (struct event_stream){.http = http, .exchange = *exchange, .from = from, .after = after};
    int known = broker_follow(http->route.stream, &events->follow, followed);
    if (known == 0) {
        events->stream = http->route.stream; /* stays until `followed` */
        http->route.stream = NULL;
        http->last = true; /* it ends in a stream, or not at all */
        http_await(http);
    } else if (known > 0 && begin(http, exchange)) {
        subscribe(events, http->route.stream);
    } else {
        if (known < 0)
            answer_no_memory(http, exchange);
        free(events);
    }
}

void event_stream_close(struct http_connection *http)
{
    struct event_stream *events = http->events;
    http->events = NULL;
    if (events)
        broker_reader_close(&events->subscriber);
}

void event_stream_finish(struct http_connection *http)
{
    struct connection *connection = &http->connection;
    if (hark_stream_write(&connection->stream, farewell, strlen(farewell)) < 0) {
        connection_close(connection);
        return;
    }
    event_stream_close(http);
    connection_close_after_sending(connection);
}
