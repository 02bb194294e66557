/* route.c - which answer a request gets, by its path and method.
 *
 *     GET    /                the dashboard
 *     GET    /healthz         ok, or why events are refused
 *     GET    /livez           ok
 *     GET    /metrics         for Prometheus
 *     GET    /stats           the same and more as JSON, for the dashboard
 *     GET    /streams         the streams, as JSON
 *     POST   /streams/NAME    publishes the body
 *     GET    /streams/NAME    as text/event-stream: subscribes; as application/json: what is known
 *            of it
 *     DELETE /streams/NAME    deletes it
 *
 * HEAD stands wherever GET does, OPTIONS everywhere.
 */
#include "http/http.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "web/web.h"
#include "wire/name.h"
#include "wire/sse.h"

/* --- documents --- */

static void get_page(struct http_connection *http, const struct exchange *exchange)
{
    char fields[1024]; /* the policy is some 400 bytes */
    snprintf(fields, sizeof fields,
             "Cache-Control: no-cache\r\nContent-Security-Policy: %s\r\nX-Frame-Options: "
             "DENY\r\nReferrer-Policy: no-referrer\r\n",
             web_page_policy);
    answer_static(http, exchange, "text/html; charset=utf-8", fields, web_page, web_page_size);
}

static void get_life(struct http_connection *http, const struct exchange *exchange)
{
    answer_line(http, exchange, 200, "ok");
}

/* Trouble is the owner's to tell of: it looks whether it is over. */
static void get_health(struct http_connection *http, const struct exchange *exchange)
{
    if (!health_trouble(http->connection.worker))
        answer_line(http, exchange, 200, "ok");
    else
        query_ask(http, exchange, QUERY_HEALTH, NULL);
}

static void get_metrics(struct http_connection *http, const struct exchange *exchange)
{
    query_document(http, exchange, DOCUMENT_METRICS);
}

static void get_stats(struct http_connection *http, const struct exchange *exchange)
{
    query_document(http, exchange, DOCUMENT_STATS);
}

static void get_streams(struct http_connection *http, const struct exchange *exchange)
{
    query_document(http, exchange, DOCUMENT_STREAMS);
}

/* --- one stream --- */

static const char streams_prefix[] = "/streams/";

static bool is_stream(const struct http_connection *http)
{
    return strncmp(http->request.path, streams_prefix, strlen(streams_prefix)) == 0;
}

/* A handle on the stream that the path names; NULL: answered already. */
static struct broker_stream *stream_named(struct http_connection *http,
                                          const struct exchange *exchange)
{
    struct broker_stream *stream = NULL;
    size_t prefix = strlen(streams_prefix);
    int error = broker_stream_open(http->connection.worker->broker, http->request.path + prefix,
                                   http->request.path_count - prefix, &stream);
    if (error == -EINVAL)
        answer_error(
            http, exchange, 400, NULL,
            "this is no name of a stream: 1 to 128 of A-Z a-z 0-9 . _ -, the first no dot");
    else if (error < 0)
        answer_error(http, exchange, 503, "Retry-After: 1\r\n", "out of memory: try again later");
    return stream;
}

/* Where the subscriber wants to begin: Last-Event-ID, which a client sends when it comes back, goes
 * before the query that it began with. Gives: NULL, or what is wrong. */
static const char *begin_of(const struct http_connection *http, enum broker_from *out_from,
                            uint64_t *out_after)
{
    char text[32];
    const char *last = http_request_header(&http->request, "Last-Event-ID");
    *out_from = BROKER_FROM_NOW;
    if (last && *last != '\0') {
        *out_from = BROKER_FROM_AFTER;
        return id_parse(last, strlen(last), out_after) < 0
                   ? "Last-Event-ID is not an id of this server"
                   : NULL;
    }
    int error = http_request_query(&http->request, "after", text, sizeof text);
    if (error == -ENOENT)
        return NULL;
    if (error == 0 && strcmp(text, "start") == 0) {
        *out_from = BROKER_FROM_START;
        return NULL;
    }
    *out_from = BROKER_FROM_AFTER;
    if (error < 0 || id_parse(text, strlen(text), out_after) < 0)
        return "after is neither an id nor start";
    return NULL;
}

static void get_stream(struct http_connection *http, const struct exchange *exchange,
                       struct broker_stream *stream)
{
    enum broker_from from = BROKER_FROM_NOW;
    uint64_t after = 0;
    enum http_accept events = http_request_accepts(&http->request, SSE_TYPE);
    enum http_accept json = http_request_accepts(&http->request, "application/json");
    const char *wrong = begin_of(http, &from, &after);
    if (json == HTTP_ACCEPT_NAMED && events != HTTP_ACCEPT_NAMED)
        query_ask(http, exchange, QUERY_STREAM, broker_stream_name(stream));
    else if (events == HTTP_ACCEPT_NO)
        answer_error(http, exchange, 406, NULL,
                     "a stream is given as text/event-stream, or told of as application/json");
    else if (wrong)
        answer_error(http, exchange, 400, NULL, wrong);
    else
        event_stream_open(http, exchange, stream, from, after);
}

/* Whether a page of another origin asks, in somebody's browser, for what it was not allowed. A
 * browser lets any page post; that the page may not read the answer does not help. Clients that are
 * no browsers send no Origin. */
static bool is_foreign(const struct http_connection *http)
{
    const char *origin = http_request_header(&http->request, "Origin");
    const char *allowed = http->connection.worker->options->allow_origin;
    if (!origin || (allowed && (strcmp(allowed, "*") == 0 || strcmp(allowed, origin) == 0)))
        return false;
    const char *host = strstr(origin, "://");
    return !host || strcasecmp(host + 3, http->request.host) != 0;
}

static void route_stream(struct http_connection *http, const struct exchange *exchange)
{
    static const char allow[] = "Allow: GET, HEAD, POST, DELETE, OPTIONS\r\n";
    struct broker_stream *stream = stream_named(http, exchange);
    if (!stream)
        return;
    if (is_foreign(http) &&
        (http->request.method == HTTP_METHOD_POST || http->request.method == HTTP_METHOD_DELETE)) {
        answer_error(
            http, exchange, 403, NULL,
            "pages of another origin may not do this (hark serve --allow-origin lets them)");
        broker_stream_close(stream);
        return;
    }
    switch (http->request.method) {
    case HTTP_METHOD_GET:
    case HTTP_METHOD_HEAD:
        get_stream(http, exchange, stream);
        break;
    case HTTP_METHOD_POST:
        publish_event(http, exchange, stream);
        break;
    case HTTP_METHOD_DELETE:
        publish_deletion(http, exchange, stream);
        break;
    case HTTP_METHOD_OPTIONS:
        answer_options(http, exchange, allow, "GET, HEAD, POST, DELETE");
        break;
    case HTTP_METHOD_PUT:
    case HTTP_METHOD_PATCH:
        answer_error(http, exchange, 405, allow, "streams take GET, POST and DELETE");
        break;
    }
    broker_stream_close(stream);
}

/* --- all of it --- */

static const struct place {
    const char *path;
    void (*get)(struct http_connection *http, const struct exchange *exchange);
} places[] = {
    {"/", get_page},           {"/healthz", get_health}, {"/livez", get_life},
    {"/metrics", get_metrics}, {"/stats", get_stats},    {"/streams", get_streams},
};

static void route_place(struct http_connection *http, const struct exchange *exchange,
                        const struct place *place)
{
    static const char allow[] = "Allow: GET, HEAD, OPTIONS\r\n";
    switch (http->request.method) {
    case HTTP_METHOD_GET:
    case HTTP_METHOD_HEAD:
        place->get(http, exchange);
        break;
    case HTTP_METHOD_OPTIONS:
        answer_options(http, exchange, allow, "GET, HEAD");
        break;
    case HTTP_METHOD_POST:
    case HTTP_METHOD_PUT:
    case HTTP_METHOD_DELETE:
    case HTTP_METHOD_PATCH:
        answer_error(http, exchange, 405, allow,
                     "this takes GET; events are posted to /streams/NAME");
        break;
    }
}

static const struct place *place_find(const char *path)
{
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (strcmp(path, places[i].path) == 0)
            return &places[i];
    }
    return NULL;
}

void route(struct http_connection *http)
{
    struct exchange exchange = http_exchange(http);
    const struct place *place = place_find(http->request.path);
    if (is_stream(http))
        route_stream(http, &exchange);
    else if (place)
        route_place(http, &exchange, place);
    else if (strcmp(http->request.path, "*") == 0)
        answer_options(http, &exchange, "Allow: GET, HEAD, POST, DELETE, OPTIONS\r\n",
                       "GET, HEAD, POST, DELETE");
    else
        answer_error(http, &exchange, 404, NULL,
                     "there is nothing here: try GET / or GET /streams");
}

bool route_is_ordered(const struct http_connection *http)
{
    const struct http_request *request = &http->request;
    return request->method == HTTP_METHOD_POST && is_stream(http) && !is_foreign(http) &&
           name_valid(request->path + strlen(streams_prefix),
                      request->path_count - strlen(streams_prefix));
}

bool route_wants_body(struct http_connection *http)
{
    if (route_is_ordered(http))
        return true;
    http->last = true; /* whether the body comes all the same is not known */
    http->request.keep_alive = false;
    route(http);
    return false;
}
