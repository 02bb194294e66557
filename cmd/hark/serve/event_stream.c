/* event_stream.c - GET on a stream: the connection becomes a stream of server-sent events.
 *
 * The body ends with the connection (no chunks): that costs nothing per event, serves HTTP/1.0 too, and is what EventSource and
 * curl take alike. The first block tells the client how long to wait before it comes back, and the id that it stands at, so that
 * one that has seen no event yet misses none either.
 */
#include "serve/http_session.h"

#include <stdlib.h>
#include <string.h>

#include "wire/name.h"
#include "wire/sse.h"

#define POSITION_HEAD "event: position\nid: "
#define POSITION_TAIL "\ndata:\n\n"

enum {
    RETRY_MILLISECONDS = 2000,
    FIRST_BYTES_MAX = SSE_RETRY_BYTES_MAX + ID_BYTES_MAX + sizeof(POSITION_HEAD) + sizeof(POSITION_TAIL),
};

static const char farewell[] = ": the server is ending\n\n";

struct event_stream {
    struct hub_subscriber subscriber;
    struct http_session *http;
};

static void subscriber_closed(struct hub_subscriber *subscriber)
{
    struct event_stream *events = hark_container_of(subscriber, struct event_stream, subscriber);
    struct session *session = &events->http->session;
    free(events);
    session_release(session);
}

/* "retry: 2000", and the position as an event of its own kind with empty data: every client remembers its id (some forget one
 * that comes without data), and nobody sees the event who does not ask for events named "position". */
static size_t first_block(const struct event_stream *events, char *to)
{
    size_t count = sse_retry_encode(RETRY_MILLISECONDS, to);
    memcpy(to + count, POSITION_HEAD, strlen(POSITION_HEAD));
    count += strlen(POSITION_HEAD);
    count += id_format(hub_subscriber_position(&events->subscriber), to + count);
    memcpy(to + count, POSITION_TAIL, strlen(POSITION_TAIL));
    return count + strlen(POSITION_TAIL);
}

void event_stream_open(struct http_session *http, const struct exchange *exchange, struct hub_stream *stream, enum hub_from from,
                       uint64_t after)
{
    static const char fields[] = "Cache-Control: no-store\r\nX-Accel-Buffering: no\r\n";
    struct session *session = &http->session;
    struct exchange last = *exchange;
    char first[FIRST_BYTES_MAX];
    last.keep_alive = false;
    http->last = true;
    if (!answer_head(http, &last, 200, HTTP_LENGTH_UNTIL_CLOSE, SSE_TYPE, fields))
        return;
    if (exchange->head_only) {
        answer_done(http, &last);
        return;
    }
    struct event_stream *events = calloc(1, sizeof(*events));
    if (events == NULL) {
        session_close(session);
        return;
    }
    events->http = http;
    http->events = events;
    http->step = HTTP_STEP_STREAM;
    session_hold(session);
    deadline_cancel(&session->deadline);
    hub_subscriber_open(stream, &events->subscriber, &session->stream, HUB_SSE, from, after, subscriber_closed);
    http_request_done(&http->request);
    hark_stream_read_start(&session->stream); /* nothing is expected: the client's end is seen so */
    if (hark_stream_write(&session->stream, first, first_block(events, first)) < 0)
        session_close(session);
}

void event_stream_close(struct http_session *http)
{
    struct event_stream *events = http->events;
    http->events = NULL;
    if (events != NULL)
        hub_subscriber_close(&events->subscriber);
}

void event_stream_finish(struct http_session *http)
{
    struct session *session = &http->session;
    if (hark_stream_write(&session->stream, farewell, strlen(farewell)) < 0) {
        session_close(session);
        return;
    }
    event_stream_close(http);
    session_close_after_sending(session);
}
