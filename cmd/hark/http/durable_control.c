/* durable_control.c - a request is one block: what is asked, the token, the body. */
#include "http/durable_control.h"

#include "http/answer.h"
#include "http/durable_answer.h"
#include "subscriptions/body.h"
#include "subscriptions/secrets.h"
#include "subscriptions/subscription.h"
#include "subscriptions/subscriptions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PREFIX "/v1/stream/__ds/"
#define ITEMS  "subscriptions/"

/* One request on its way. */
struct durable_control {
    struct subscription_request request;
    struct http_connection *http;
    struct exchange exchange;
    char token[SECRETS_TOKEN_BYTES];
    char body[];
};

/* --- the answer --- */

static void give(struct http_connection *http, const struct exchange *exchange,
                 const struct subscription_request *request)
{
    const bool keys = request->verb == SUBSCRIPTION_KEYS && request->status == 200;
    struct durable_lines lines;
    durable_lines_begin(&lines);
    durable_line(&lines, "Cache-Control", keys ? "public, max-age=300" : "no-store");
    durable_line(&lines, "Retry-After", request->status == 503 ? "1" : NULL);
    if (request->status == 204) {
        answer_head(http, exchange, 204, HTTP_LENGTH_NONE, NULL, lines.lines);
        answer_done(http, exchange);
        return;
    }
    answer_bytes(http, exchange, request->status,
                 keys ? "application/jwk-set+json" : "application/json", lines.lines,
                 request->text.bytes ? request->text.bytes : "", request->text.count);
}

static void answered(struct subscription_request *request)
{
    struct durable_control *own = hark_container_of(request, struct durable_control, request);
    struct http_connection *http = own->http;
    if (!http->connection.closing)
        give(http, &own->exchange, request);
    text_done(&request->text);
    http->pending_bytes -= request->count;
    free(own);
    http_unblock(http);
    connection_answered(&http->connection);
}

static void refuse(struct http_connection *http, const struct exchange *exchange, int status,
                   const char *code, const char *message)
{
    struct subscription_request request = {.status = status};
    body_error(&request.text, code, message);
    give(http, exchange, &request);
    text_done(&request.text);
}

/* --- what is asked --- */

static bool is_action(const char *rest, enum http_method method, enum subscription_verb *out_verb)
{
    static const struct {
        const char *rest;
        enum http_method method;
        enum subscription_verb verb;
    } actions[] = {
        {"", HTTP_METHOD_PUT, SUBSCRIPTION_PUT},
        {"", HTTP_METHOD_GET, SUBSCRIPTION_GET},
        {"", HTTP_METHOD_HEAD, SUBSCRIPTION_GET},
        {"", HTTP_METHOD_DELETE, SUBSCRIPTION_DELETE},
        {"/streams", HTTP_METHOD_POST, SUBSCRIPTION_ADD},
        {"/callback", HTTP_METHOD_POST, SUBSCRIPTION_CALLBACK},
        {"/claim", HTTP_METHOD_POST, SUBSCRIPTION_CLAIM},
        {"/ack", HTTP_METHOD_POST, SUBSCRIPTION_ACK},
        {"/release", HTTP_METHOD_POST, SUBSCRIPTION_RELEASE},
    };
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (actions[i].method == method && strcmp(actions[i].rest, rest) == 0) {
            *out_verb = actions[i].verb;
            return true;
        }
    }
    return false;
}

/* Reads what stands behind the id. Gives: false: there is nothing such. */
static bool take_action(const char *rest, enum http_method method,
                        struct subscription_request *request)
{
    static const char streams[] = "/streams/";
    const size_t length = sizeof streams - 1;
    if (strncmp(rest, streams, length) != 0 || method != HTTP_METHOD_DELETE)
        return is_action(rest, method, &request->verb);
    const char *path = rest + length;
    path += strspn(path, "/");
    if (!name_valid(path, strlen(path)))
        return false;
    request->verb = SUBSCRIPTION_REMOVE;
    memcpy(request->path, path, strlen(path) + 1);
    return true;
}

struct wrong {
    int status; /* 0: nothing is */
    const char *code;
    const char *message;
};

static struct wrong take_path(const char *path, enum http_method method,
                              struct subscription_request *request)
{
    const struct wrong none = {404, "SUBSCRIPTION_NOT_FOUND", "there is nothing here"};
    const char *rest = path + strlen(PREFIX) - 1; /* which may be the end */
    const bool read = method == HTTP_METHOD_GET || method == HTTP_METHOD_HEAD;
    if (strcmp(rest, "/jwks.json") == 0 && read) {
        request->verb = SUBSCRIPTION_KEYS;
        return (struct wrong){0};
    }
    if (strncmp(rest, "/" ITEMS, strlen("/" ITEMS)) != 0)
        return none;
    rest += strlen("/" ITEMS);
    const size_t length = strcspn(rest, "/");
    if (!subscription_id_valid(rest, length))
        return (struct wrong){400, "INVALID_REQUEST",
                              "this is no id of a subscription: " SUBSCRIPTION_ID_RULE};
    memcpy(request->id, rest, length);
    request->id[length] = '\0';
    if (!take_action(rest + length, method, request))
        return none;
    return (struct wrong){0};
}

bool durable_control_is_open(const struct http_request *request)
{
    struct subscription_request asked = {0};
    if (take_path(request->path, request->method, &asked).status != 0)
        return false;
    return asked.verb == SUBSCRIPTION_KEYS || asked.verb == SUBSCRIPTION_CALLBACK ||
           asked.verb == SUBSCRIPTION_ACK || asked.verb == SUBSCRIPTION_RELEASE;
}

static void take_token(struct durable_control *own, const struct http_request *request)
{
    const char *value = http_request_header(request, "Authorization");
    if (!value || strncasecmp(value, "Bearer ", 7) != 0 || strlen(value + 7) >= sizeof own->token)
        return;
    memcpy(own->token, value + 7, strlen(value + 7) + 1);
    own->request.token = own->token;
}

static struct wrong take_request(struct durable_control *own, const struct http_request *request)
{
    const bool secure = own->http->connection.secure;
    struct subscription_request *asked = &own->request;
    const struct wrong wrong = take_path(request->path, request->method, asked);
    if (wrong.status != 0)
        return wrong;
    if (request->body_count > SUBSCRIPTION_BODY_MAX)
        return (struct wrong){413, "INVALID_REQUEST", "the body has more than 64 KiB"};
    take_token(own, request);
    memcpy(own->body, request->body, request->body_count);
    asked->body = own->body;
    asked->count = request->body_count;
    snprintf(asked->base, sizeof asked->base, "%s://%s", secure ? "https" : "http", request->host);
    return wrong;
}

void durable_control(struct http_connection *http, const struct exchange *exchange)
{
    const struct http_request *request = &http->request;
    if (!secrets_offered()) {
        refuse(http, exchange, 501, "NOT_IMPLEMENTED",
               "this build has no subscriptions: it was made without OpenSSL");
        return;
    }
    struct durable_control *own = calloc(1, sizeof *own + request->body_count);
    if (!own) {
        answer_no_memory(http, exchange);
        return;
    }
    own->http = http;
    own->exchange = *exchange;
    const struct wrong wrong = take_request(own, request);
    if (wrong.status != 0) {
        free(own);
        refuse(http, exchange, wrong.status, wrong.code, wrong.message);
        return;
    }
    http_block(http);
    http->pending_bytes += own->request.count;
    connection_await(&http->connection);
    subscriptions_ask(http->connection.worker, &own->request, answered);
}
