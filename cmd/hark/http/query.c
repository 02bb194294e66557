/* query.c - asking for them, and writing what comes back.
 *
 * What must hold: while a connection waits for such an answer none of its other requests is
 * answered, as this one keeps no order with the log's.
 */
#include "http/query.h"
#include "broker/stream.h"
#include "http/answer.h"

#include <stdlib.h>
#include <string.h>

/* A query on its way. */
struct http_query {
    struct query query;
    struct http_connection *http;
    struct exchange exchange;
};

static const char *const document_types[QUERY_DOCUMENTS] = {
    [QUERY_METRICS] = "text/plain; version=0.0.4; charset=utf-8",
    [QUERY_STATS] = "application/json",
    [QUERY_STREAMS] = "application/json",
    [QUERY_PAGE] = "application/json",
};

/* Takes: a query that was answered: its document is the answer's. */
static void give(struct http_connection *http, const struct exchange *exchange,
                 const struct query *query)
{
    switch (query->outcome) {
    case QUERY_DONE:
        if (query->document)
            answer_document(http, exchange, document_types[query->kind], query->document);
        else if (query->kind == QUERY_HEALTH)
            answer_line(http, exchange, 200, "ok");
        else
            answer_bytes(http, exchange, 200, "application/json", answer_no_cache,
                         query->text.bytes, query->text.count);
        break;
    case QUERY_UNKNOWN:
        answer_error(http, exchange, 404, NULL, "there is no such stream");
        break;
    case QUERY_REFUSED:
        answer_line(http, exchange, 503, query->reason);
        break;
    case QUERY_TOO_LONG:
        answer_error(http, exchange, 507, NULL,
                     "there are too many streams for one answer: ask for one of them");
        break;
    case QUERY_NO_MEMORY:
        if (query->kind < QUERY_DOCUMENTS)
            answer_error(
                http, exchange, 503, answer_retry,
                "there is no memory for the answer, as others have not taken theirs: try again "
                "later");
        else
            answer_no_memory(http, exchange);
        break;
    }
}

static void answered(struct query *query)
{
    struct http_query *own = hark_container_of(query, struct http_query, query);
    struct http_connection *http = own->http;
    if (http->connection.closing)
        document_release(query->document);
    else
        give(http, &own->exchange, query);
    text_done(&query->text);
    free(own);
    http_unblock(http);
    connection_answered(&http->connection);
}

/* Asks for an answer that comes later. */
static void ask(struct http_connection *http, const struct exchange *exchange,
                const struct query *query)
{
    struct worker *worker = http->connection.worker;
    struct http_query *own = malloc(sizeof *own);
    if (!own) {
        answer_no_memory(http, exchange);
        return;
    }
    *own = (struct http_query){.query = *query, .http = http, .exchange = *exchange};
    http_block(http);
    connection_await(&http->connection);
    worker->calls->query_send(worker, &own->query, answered);
}

/* What is known without writing it. */
static bool has_answered_head(struct http_connection *http, const struct exchange *exchange,
                              enum query_kind kind)
{
    if (!exchange->head_only || kind >= QUERY_DOCUMENTS)
        return false;
    answer_head(http, exchange, 200, HTTP_LENGTH_NONE, document_types[kind], answer_no_cache);
    answer_done(http, exchange);
    return true;
}

void http_query_page(struct http_connection *http, const struct exchange *exchange,
                     const char *prefix, uint64_t after, uint32_t limit)
{
    struct query query = {.kind = QUERY_PAGE, .after = after, .limit = limit};
    memcpy(query.name, prefix, strlen(prefix) + 1);
    if (!has_answered_head(http, exchange, query.kind))
        ask(http, exchange, &query);
}

void http_query(struct http_connection *http, const struct exchange *exchange, enum query_kind kind)
{
    struct worker *worker = http->connection.worker;
    struct query query = {.kind = kind};
    if (has_answered_head(http, exchange, kind))
        return;
    if (kind == QUERY_STREAM) {
        const char *name = broker_stream_name(http->route.stream);
        memcpy(query.name, name, strlen(name) + 1);
    }
    if (!worker->calls->query_now(worker, &query)) {
        ask(http, exchange, &query);
        return;
    }
    give(http, exchange, &query);
    text_done(&query.text);
}
