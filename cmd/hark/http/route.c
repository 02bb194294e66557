/* route.c - the table of paths and methods.
 *
 *     GET    /                the dashboard
 *     GET    /healthz         ok, or why events are refused; /readyz is the same
 *     GET    /livez           ok
 *     GET    /metrics         for Prometheus
 *     GET    /stats           the same and more as JSON, for the dashboard
 *     GET    /streams         the streams, as JSON
 *     POST   /streams/NAME    publishes the body
 *     GET    /streams/NAME    as text/event-stream: subscribes; as application/json: what is known
 *            of it
 *     DELETE /streams/NAME    deletes it
 *
 *     POST   /sign/NAME       a URL by which that is read for a short time, without a token
 *
 *     PUT    /v1/stream/NAME  the Durable Streams protocol: makes it
 *     POST   /v1/stream/NAME  appends the body, closes it
 *     GET    /v1/stream/NAME  reads it
 *     DELETE /v1/stream/NAME  deletes it
 *
 *     any    /v1/stream/__ds/...  subscriptions (durable_control.h)
 *
 * HEAD stands wherever GET does, OPTIONS everywhere.
 *
 * What must hold: only a request with a rule that is `ordered` is answered while others are
 * pending, so all others are refused in their turn.
 */
#include "http/route.h"
#include "broker/reader.h"
#include "broker/stream.h"
#include "connection/visitor.h"
#include "http/answer.h"
#include "http/durable_control.h"
#include "http/durable_read.h"
#include "http/durable_write.h"
#include "http/event_stream.h"
#include "http/permission.h"
#include "http/publish.h"
#include "http/query.h"
#include "http/sign.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "web/web.h"
#include "wire/name.h"
#include "wire/sse.h"

enum { METHODS_BYTES_MAX = 80 };

struct route_rule {
    void (*answer)(struct http_connection *http, const struct exchange *exchange);
    enum permission needs;
    bool wants_body;
    bool ordered; /* answered in the order of the log, as all that are so */
};

struct route_place {
    const char *path;
    const char *takes; /* what is said to other methods */
    struct route_rule rules[HTTP_METHODS];
};

/* --- documents --- */

static void get_page(struct http_connection *http, const struct exchange *exchange)
{
    const struct http_line lines[] = {
        {"Cache-Control", "no-cache"},
        {"Content-Security-Policy", web_page_policy},
        {"X-Frame-Options", "DENY"},
        {"Referrer-Policy", "no-referrer"},
        {0},
    };
    answer_static(http, exchange, "text/html; charset=utf-8", lines, web_page, web_page_size);
}

static void get_life(struct http_connection *http, const struct exchange *exchange)
{
    answer_line(http, exchange, 200, "ok");
}

static void get_health(struct http_connection *http, const struct exchange *exchange)
{
    http_query(http, exchange, QUERY_HEALTH);
}

static void get_metrics(struct http_connection *http, const struct exchange *exchange)
{
    http_query(http, exchange, QUERY_METRICS);
}

static void get_stats(struct http_connection *http, const struct exchange *exchange)
{
    http_query(http, exchange, QUERY_STATS);
}

enum { PAGE_STREAMS = 1000, PAGE_STREAMS_MAX = 10000 };

/* Gives: NULL, or what is wrong. */
static const char *page_of(const struct http_connection *http, char *prefix, uint64_t *out_after,
                           uint32_t *out_limit, bool *out_asked)
{
    char text[32];
    const struct http_request *request = &http->request;
    *out_after = 0;
    *out_limit = PAGE_STREAMS;
    prefix[0] = '\0';
    const int prefixed = http_request_query(request, "prefix", prefix, NAME_BYTES_MAX + 1);
    if (prefixed < 0 && prefixed != -ENOENT)
        return "prefix is longer than a name may be";
    const int after = http_request_query(request, "after", text, sizeof text);
    if (after != -ENOENT && (after < 0 || id_parse(text, strlen(text), out_after) < 0))
        return "after is not what an answer had as next";
    const int limited = http_request_query(request, "limit", text, sizeof text);
    uint64_t limit = PAGE_STREAMS;
    if (limited != -ENOENT && (limited < 0 || id_parse(text, strlen(text), &limit) < 0 ||
                               limit < 1 || limit > PAGE_STREAMS_MAX))
        return "limit is from 1 to 10000";
    *out_limit = (uint32_t)limit;
    *out_asked = prefixed == 0 || after == 0 || limited == 0;
    return NULL;
}

static void get_streams(struct http_connection *http, const struct exchange *exchange)
{
    char prefix[NAME_BYTES_MAX + 1];
    uint64_t after;
    uint32_t limit;
    bool asked;
    const char *wrong = page_of(http, prefix, &after, &limit, &asked);
    if (wrong)
        answer_error(http, exchange, 400, NULL, wrong);
    else if (asked)
        http_query_page(http, exchange, prefix, after, limit);
    else
        http_query(http, exchange, QUERY_STREAMS);
}

/* --- one stream --- */

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

static void get_stream(struct http_connection *http, const struct exchange *exchange)
{
    enum broker_from from = BROKER_FROM_NOW;
    uint64_t after = 0;
    enum http_accept events = http_request_accepts(&http->request, SSE_TYPE);
    enum http_accept json = http_request_accepts(&http->request, "application/json");
    const char *wrong = begin_of(http, &from, &after);
    if (json == HTTP_ACCEPT_NAMED && events != HTTP_ACCEPT_NAMED)
        http_query(http, exchange, QUERY_STREAM);
    else if (events == HTTP_ACCEPT_NO)
        answer_error(http, exchange, 406, NULL,
                     "a stream is given as text/event-stream, or told of as application/json");
    else if (wrong)
        answer_error(http, exchange, 400, NULL, wrong);
    else
        event_stream_open(http, exchange, from, after);
}

/* --- the table --- */

#define TAKES_GET "this takes GET; events are posted to /streams/NAME"

static const struct route_place places[] = {
    {"/", TAKES_GET, {[HTTP_METHOD_GET] = {.answer = get_page, .needs = PERMISSION_NONE}}},
    {"/healthz", TAKES_GET, {[HTTP_METHOD_GET] = {.answer = get_health, .needs = PERMISSION_NONE}}},
    {"/livez", TAKES_GET, {[HTTP_METHOD_GET] = {.answer = get_life, .needs = PERMISSION_NONE}}},
    {"/metrics", TAKES_GET, {[HTTP_METHOD_GET] = {.answer = get_metrics, .needs = PERMISSION_SEE}}},
    {"/readyz", TAKES_GET, {[HTTP_METHOD_GET] = {.answer = get_health, .needs = PERMISSION_NONE}}},
    {"/stats", TAKES_GET, {[HTTP_METHOD_GET] = {.answer = get_stats, .needs = PERMISSION_SEE}}},
    {"/streams", TAKES_GET, {[HTTP_METHOD_GET] = {.answer = get_streams, .needs = PERMISSION_SEE}}},
};

static const struct route_place stream_place = {
    "/streams/", /* and a name */
    "streams take GET, POST and DELETE",
    {
        [HTTP_METHOD_GET] = {.answer = get_stream, .needs = PERMISSION_READ},
        [HTTP_METHOD_POST] = {.answer = publish_event,
                              .needs = PERMISSION_APPEND,
                              .wants_body = true,
                              .ordered = true},
        [HTTP_METHOD_DELETE] = {.answer = publish_deletion, .needs = PERMISSION_DELETE},
    },
};

static const struct route_place durable_place = {
    "/v1/stream/", /* and a name */
    "streams take PUT, POST, GET and DELETE",
    {
        [HTTP_METHOD_GET] = {.answer = durable_get, .needs = PERMISSION_READ},
        [HTTP_METHOD_PUT] = {.answer = durable_put, .needs = PERMISSION_CREATE, .wants_body = true},
        [HTTP_METHOD_POST] = {.answer = durable_post,
                              .needs = PERMISSION_APPEND,
                              .wants_body = true},
        [HTTP_METHOD_DELETE] = {.answer = publish_deletion, .needs = PERMISSION_DELETE},
    },
};

static const struct route_place control_place = {
    "/v1/stream/__ds", /* and more, which durable_control.c reads */
    "subscriptions take PUT, POST, GET and DELETE",
    {
        [HTTP_METHOD_GET] = {.answer = durable_control},
        [HTTP_METHOD_PUT] = {.answer = durable_control, .wants_body = true},
        [HTTP_METHOD_POST] = {.answer = durable_control, .wants_body = true},
        [HTTP_METHOD_DELETE] = {.answer = durable_control},
    },
};

static const struct route_place sign_place = {
    "/sign/", /* and a name */
    "this takes POST",
    {[HTTP_METHOD_POST] = {.answer = sign_url, .needs = PERMISSION_READ}},
};

/* --- requests without a rule in it --- */

/* Adds to a list of methods. */
static char *add_method(char *end, const char *begin, enum http_method method)
{
    if (end != begin)
        end = stpcpy(end, ", ");
    return stpcpy(end, http_method_name(method));
}

/* "GET, HEAD, POST, DELETE".
 * Takes: text of METHODS_BYTES_MAX. Gives: its end. */
static char *methods_of(const struct route_place *place, char *text)
{
    char *end = text;
    for (enum http_method method = 0; method < HTTP_METHODS; method++) {
        if (place->rules[method].answer)
            end = add_method(end, text, method);
        if (place->rules[method].answer && method == HTTP_METHOD_GET)
            end = add_method(end, text, HTTP_METHOD_HEAD);
    }
    return end;
}

static void options(struct http_connection *http, const struct exchange *exchange)
{
    char allow[METHODS_BYTES_MAX];
    char methods[METHODS_BYTES_MAX];
    methods_of(http->route.place, methods);
    add_method(methods_of(http->route.place, allow), allow, HTTP_METHOD_OPTIONS);
    answer_options(http, exchange, allow, methods);
}

static void not_allowed(struct http_connection *http, const struct exchange *exchange)
{
    char allow[METHODS_BYTES_MAX];
    add_method(methods_of(http->route.place, allow), allow, HTTP_METHOD_OPTIONS);
    answer_error(http, exchange, 405, (const struct http_line[]){{"Allow", allow}, {0}},
                 http->route.place->takes);
}

static void not_here(struct http_connection *http, const struct exchange *exchange)
{
    answer_error(http, exchange, 404, NULL, "there is nothing here: try GET / or GET /streams");
}

static void no_name(struct http_connection *http, const struct exchange *exchange)
{
    answer_error(http, exchange, 400, NULL, "this is no name of a stream: " NAME_RULE);
}

static void foreign(struct http_connection *http, const struct exchange *exchange)
{
    answer_error(http, exchange, 403, NULL,
                 "pages of another origin may not do this (hark serve --allow-origin lets them)");
}

#define OPEN(function)                                                                             \
    {                                                                                              \
        .answer = (function), .needs = PERMISSION_NONE                                             \
    }

static const struct route_rule options_rule = OPEN(options);
static const struct route_rule not_allowed_rule = OPEN(not_allowed);
static const struct route_rule not_here_rule = OPEN(not_here);
static const struct route_rule no_name_rule = OPEN(no_name);
static const struct route_rule no_memory_rule = OPEN(answer_no_memory);
static const struct route_rule foreign_rule = OPEN(foreign);
static const struct route_rule stranger_rule = OPEN(permission_stranger);
static const struct route_rule unknown_rule = OPEN(permission_unknown);
static const struct route_rule woken_rule = {
    .answer = durable_control, .needs = PERMISSION_NONE, .wants_body = true};
static const struct route_rule expired_rule = OPEN(permission_expired);
static const struct route_rule forbidden_rule = OPEN(permission_forbidden);
static const struct route_rule limited_rule = OPEN(permission_limited);
static const struct route_rule flooded_rule = OPEN(permission_flooded);

/* --- finding --- */

/* Whether a page of another origin asks, in somebody's browser, for what it was not allowed. A
 * browser lets any page post; that the page may not read the answer does not help. Clients that are
 * no browsers send no Origin. Over TLS a page that came without it is another's: whoever is on the
 * way may have written it. (Without TLS a proxy may have it.) */
static bool is_foreign(const struct http_connection *http)
{
    const char *origin = http_request_header(&http->request, "Origin");
    const char *allowed = http->connection.worker->options->allow_origin;
    if (!origin || (allowed && (strcmp(allowed, "*") == 0 || strcmp(allowed, origin) == 0)))
        return false;
    const char *host = strstr(origin, "://");
    if (http->connection.secure && strncmp(origin, "https://", 8) != 0)
        return true;
    return !host || strcasecmp(host + 3, http->request.host) != 0;
}

static const struct route_rule *rule_of(const struct route_place *place, enum http_method method)
{
    if (method == HTTP_METHOD_OPTIONS)
        return &options_rule;
    const struct route_rule *rule =
        &place->rules[method == HTTP_METHOD_HEAD ? HTTP_METHOD_GET : method];
    return rule->answer ? rule : &not_allowed_rule;
}

static bool changes(enum http_method method)
{
    return method == HTTP_METHOD_POST || method == HTTP_METHOD_PUT || method == HTTP_METHOD_DELETE;
}

/* Takes: place: a name follows its path. */
static const struct route_rule *find_stream(struct http_connection *http,
                                            const struct route_place *place)
{
    const char *name = http->request.path + strlen(place->path);
    enum http_method method = http->request.method;
    size_t count = http->request.path_count - (size_t)(name - http->request.path);
    int error =
        broker_stream_open(http->connection.worker->broker, name, count, &http->route.stream);
    if (error == -EINVAL)
        return &no_name_rule;
    if (error < 0)
        return &no_memory_rule;
    return changes(method) && is_foreign(http) ? &foreign_rule : rule_of(place, method);
}

static bool is_control(const char *path)
{
    const size_t length = strlen(control_place.path);
    return strncmp(path, control_place.path, length) == 0 &&
           (path[length] == '/' || path[length] == '\0');
}

static const struct route_rule *find_control(const struct http_connection *http)
{
    const enum http_method method = http->request.method;
    if (changes(method) && is_foreign(http))
        return &foreign_rule;
    return durable_control_is_open(&http->request) ? &woken_rule : rule_of(&control_place, method);
}

/* What begins a path, and a stream's name follows. */
static const struct route_place *find_stream_place(const char *path)
{
    static const struct route_place *const all[] = {&durable_place, &sign_place};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strncmp(path, all[i]->path, strlen(all[i]->path)) == 0)
            return all[i];
    return &stream_place;
}

static const struct route_place *find_place(const char *path)
{
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (strcmp(path, places[i].path) == 0)
            return &places[i];
    return NULL;
}

static void find(struct http_connection *http)
{
    const char *path = http->request.path;
    struct http_route *route = &http->route;
    route->place = find_place(path);
    if (route->place) {
        route->rule = rule_of(route->place, http->request.method);
        return;
    }
    if (is_control(path)) {
        route->place = &control_place;
        route->rule = find_control(http);
        return;
    }
    route->place = find_stream_place(path);
    if (strncmp(path, route->place->path, strlen(route->place->path)) == 0)
        route->rule = find_stream(http, route->place);
    else
        route->rule = strcmp(path, "*") == 0 ? &options_rule : &not_here_rule;
}

/* Puts the rule that refuses it in the place of what was found, if it may not be done. */
static void permit(struct http_connection *http)
{
    static const struct route_rule *const refusals[REFUSALS] = {
        [REFUSAL_STRANGER] = &stranger_rule,   [REFUSAL_UNKNOWN] = &unknown_rule,
        [REFUSAL_FORBIDDEN] = &forbidden_rule, [REFUSAL_EXPIRED] = &expired_rule,
        [REFUSAL_LIMITED] = &limited_rule,
    };
    enum access_refusal why;
    if (permission_check(http, http->route.rule->needs, &why))
        return;
    http->route.rule = refusals[why];
    http->route.refused = true;
}

/* Likewise, if its address asks for too much. What it brings is counted when it is there; that
 * nothing may be brought now is looked at here. */
static bool flooded(struct http_connection *http)
{
    const bool brings = http->route.rule->wants_body;
    http->route.retry_seconds = visitor_asks(&http->connection, brings ? 1 : 0);
    if (http->route.retry_seconds == 0)
        return false;
    http->route.rule = &flooded_rule;
    http->route.refused = true;
    return true;
}

void route_find(struct http_connection *http)
{
    route_done(http);
    find(http);
    if (!flooded(http) && http->connection.worker->access.rules)
        permit(http);
}

void route_find_again(struct http_connection *http)
{
    route_done(http);
    find(http);
    if (http->connection.worker->access.rules)
        permit(http);
}

void route_done(struct http_connection *http)
{
    broker_stream_close(http->route.stream);
    access_who_drop(&http->route.who);
    http->route = (struct http_route){0};
}

/* --- what was found --- */

bool route_is_ordered(const struct http_connection *http)
{
    return http->route.rule->ordered;
}

bool route_wants_body(const struct http_connection *http)
{
    return http->route.rule->wants_body;
}

void route_answer(struct http_connection *http)
{
    struct exchange exchange = http_exchange(http);
    route_answer_as(http, &exchange);
}

void route_answer_as(struct http_connection *http, const struct exchange *exchange)
{
    http->route.rule->answer(http, exchange);
    route_done(http);
}
