/* permission.c - a request is looked at once, when its head is there: a token in Authorization, a
 * signature in the query, or neither.
 *
 * What must hold: no token, nor what could be one, is said anywhere.
 */
#include "http/permission.h"

#include "access/signature.h"
#include "access/token.h"
#include "broker/stream.h"
#include "connection/visitor.h"
#include "http/answer.h"
#include "http/durable_write.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "wire/name.h"

enum { NS_PER_SECOND = 1000000000 };

/* --- who asks --- */

enum shown {
    SHOWN_NOTHING,
    SHOWN_KNOWN,
    SHOWN_LATE,    /* a signature whose time is over: who has it was let in before */
    SHOWN_EXPIRED, /* a token that is signed, likewise */
    SHOWN_UNKNOWN,
};

/* The token of an Authorization as RFC 6750 has it. Gives: NULL: it is for somebody else, a proxy
 * maybe. */
static const char *bearer_of(const char *value)
{
    static const char scheme[] = "Bearer ";
    const size_t length = sizeof scheme - 1;
    if (!value || strncasecmp(value, scheme, length) != 0)
        return NULL;
    return value + length + strspn(value + length, " ");
}

static enum shown take_token(struct http_connection *http, const char *token)
{
    struct worker *worker = http->connection.worker;
    switch (access_take_token(&worker->access, token, strlen(token),
                              hark_os_wall_clock(worker->loop) / NS_PER_SECOND, &http->route.who)) {
    case ACCESS_KNOWN:
        return SHOWN_KNOWN;
    case ACCESS_LATE:
        return SHOWN_EXPIRED;
    case ACCESS_UNKNOWN:
        break;
    }
    return SHOWN_UNKNOWN;
}

/* A signed URL. */
static enum shown take_signature(struct http_connection *http)
{
    const struct http_request *request = &http->request;
    struct worker *worker = http->connection.worker;
    char until[ID_BYTES_MAX + 1], by[SIGNATURE_BY_BYTES], sign[2 * DIGEST_BYTES + 1];
    int error = http_request_query(request, "sign", sign, sizeof sign);
    if (error == -ENOENT || !http->route.stream || request->method != HTTP_METHOD_GET)
        return SHOWN_NOTHING;
    if (error < 0 || http_request_query(request, "until", until, sizeof until) < 0 ||
        http_request_query(request, "by", by, sizeof by) < 0)
        return SHOWN_UNKNOWN;
    error =
        signature_check(&worker->access, broker_stream_name(http->route.stream), until, by, sign,
                        hark_os_wall_clock(worker->loop) / NS_PER_SECOND, &http->route.who);
    if (error == -ETIME)
        return SHOWN_LATE;
    return error == 0 ? SHOWN_KNOWN : SHOWN_UNKNOWN;
}

static enum shown look(struct http_connection *http)
{
    const char *token = bearer_of(http_request_header(&http->request, "Authorization"));
    http->route.who = visitor_of(&http->connection);
    return token ? take_token(http, token) : take_signature(http);
}

/* --- what he may do --- */

static bool allows(struct http_connection *http, enum access_verb verb, const char *name)
{
    return access_allow(&http->connection.worker->access, &http->route.who, verb, name);
}

/* A fork shows what its source holds. */
static bool may_fork(struct http_connection *http)
{
    const char *source = durable_fork_source(&http->request);
    return !source || http->request.method != HTTP_METHOD_PUT || allows(http, ACCESS_READ, source);
}

static bool may(struct http_connection *http, enum permission needs)
{
    const char *name = http->route.stream ? broker_stream_name(http->route.stream) : NULL;
    switch (needs) {
    case PERMISSION_NONE:
        return true;
    case PERMISSION_ADMIN:
        return allows(http, ACCESS_ADMIN, NULL);
    case PERMISSION_SEE:
        return allows(http, ACCESS_ADMIN, NULL) || allows(http, ACCESS_READ, NULL);
    case PERMISSION_READ:
        return allows(http, ACCESS_READ, name);
    case PERMISSION_APPEND:
        http->route.present = !allows(http, ACCESS_CREATE, name);
        return allows(http, ACCESS_APPEND, name);
    case PERMISSION_CREATE:
        return allows(http, ACCESS_CREATE, name) && may_fork(http);
    case PERMISSION_DELETE:
        return allows(http, ACCESS_DELETE, name);
    }
    return false;
}

/* Nobody has let him in. Gives: why. */
static enum access_refusal refuse(struct http_connection *http, enum shown shown)
{
    enum access_refusal why = REFUSAL_FORBIDDEN;
    if (shown == SHOWN_UNKNOWN) {
        http->route.retry_seconds = visitor_failed(&http->connection);
        return http->route.retry_seconds != 0 ? REFUSAL_LIMITED : REFUSAL_UNKNOWN;
    }
    if (shown == SHOWN_EXPIRED)
        why = REFUSAL_EXPIRED;
    else if (shown == SHOWN_LATE || (shown == SHOWN_NOTHING && !http->route.who.has_uid))
        why = REFUSAL_STRANGER;
    visitor_refused(&http->connection, why);
    return why;
}

bool permission_check(struct http_connection *http, enum permission needs,
                      enum access_refusal *out_why)
{
    if (needs == PERMISSION_NONE)
        return true;
    enum shown shown = look(http);
    if (shown <= SHOWN_KNOWN && may(http, needs))
        return true;
    *out_why = refuse(http, shown);
    return false;
}

/* --- answers --- */

void permission_stranger(struct http_connection *http, const struct exchange *exchange)
{
    static const struct http_line lines[] = {{"WWW-Authenticate", "Bearer realm=\"hark\""}, {0}};
    answer_error(http, exchange, 401, lines, "this needs a token: Authorization: Bearer TOKEN");
}

void permission_unknown(struct http_connection *http, const struct exchange *exchange)
{
    static const struct http_line lines[] = {
        {"WWW-Authenticate", "Bearer realm=\"hark\", error=\"invalid_token\""}, {0}};
    answer_error(http, exchange, 401, lines, "nobody knows this token");
}

void permission_expired(struct http_connection *http, const struct exchange *exchange)
{
    static const struct http_line lines[] = {{"WWW-Authenticate",
                                              "Bearer realm=\"hark\", error=\"invalid_token\", "
                                              "error_description=\"the token is not good now\""},
                                             {0}};
    answer_error(http, exchange, 401, lines, VISITOR_EXPIRED);
}

void permission_forbidden(struct http_connection *http, const struct exchange *exchange)
{
    answer_error(http, exchange, 403, NULL, "the rules of this server do not allow it");
}

/* The connection goes with it, so that the next try costs a new one. */
static void answer_limited(struct http_connection *http, const struct exchange *exchange,
                           const char *reason)
{
    char seconds[16];
    struct exchange last = *exchange;
    snprintf(seconds, sizeof seconds, "%u", http->route.retry_seconds);
    last.keep_alive = false;
    answer_error(http, &last, 429, (const struct http_line[]){{"Retry-After", seconds}, {0}},
                 reason);
}

void permission_limited(struct http_connection *http, const struct exchange *exchange)
{
    answer_limited(http, exchange,
                   "too many tokens that nobody knows came from this address: try again later");
}

void permission_flooded(struct http_connection *http, const struct exchange *exchange)
{
    answer_limited(http, exchange, VISITOR_FLOODS);
}
