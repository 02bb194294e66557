/* publish.c - POST and DELETE on a stream: answered when the log has answered.
 *
 * The log answers in the order in which it was asked, so the answers of one connection stand in the
 * order of its requests without a queue of ours. A publish is one block, body behind it; blocks for
 * small bodies are kept for the next.
 */
#include "broker/publish.h"
#include "broker/stream.h"
#include "http/answer.h"
#include "http/publish.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "connection/refusal.h"
#include "wire/name.h"

enum { SMALL_BODY_BYTES = 2048, KEPT_MAX = 256 };

/* One request that waits for the log. */
struct publish {
    struct broker_publish request;
    struct http_connection *http;
    struct exchange exchange;
    struct broker_stream *stream; /* a handle */
    struct publish *next;         /* among those kept */
    bool present;                 /* the stream has to be there */
    size_t count;
    char body[];
};

static struct publish *publish_take(struct worker *worker, size_t count)
{
    bool small = count <= SMALL_BODY_BYTES;
    struct publish *publish = small ? blocks_take(&worker->publishes) : NULL;
    if (!publish)
        publish = malloc(sizeof *publish + (small ? SMALL_BODY_BYTES : count));
    if (publish)
        memset(&publish->request, 0, sizeof publish->request);
    return publish;
}

static void publish_give(struct worker *worker, struct publish *publish)
{
    blocks_give(&worker->publishes, publish, publish->count <= SMALL_BODY_BYTES ? KEPT_MAX : 0);
}

/* --- answers --- */

static void answer_refusal(struct http_connection *http, const struct exchange *exchange,
                           int64_t error)
{
    struct refusal refusal = refusal_of(error);
    answer_error(http, exchange, refusal.status, refusal.status == 503 ? answer_retry : NULL,
                 refusal.reason);
}

static void answer_published(struct http_connection *http, struct publish *publish, int64_t id)
{
    char body[NAME_BYTES_MAX + ID_BYTES_MAX + 32];
    char *end = stpcpy(body, "{\"stream\":\"");
    end = stpcpy(end, broker_stream_name(publish->stream));
    end = stpcpy(end, "\",\"id\":");
    end += id_format((uint64_t)id, end);
    end = stpcpy(end, "}\n");
    answer_bytes(http, &publish->exchange, 201, "application/json", NULL, body,
                 (size_t)(end - body));
}

/* What published and deleted have in common: the request is no longer pending. */
static void publish_end(struct publish *publish)
{
    struct http_connection *http = publish->http;
    broker_stream_close(publish->stream);
    http->pending--;
    http->pending_bytes -= publish->count;
    publish_give(http->connection.worker, publish);
    connection_answered(&http->connection);
}

static void published(struct broker_publish *request, int64_t id)
{
    struct publish *publish = hark_container_of(request, struct publish, request);
    struct http_connection *http = publish->http;
    if (!http->connection.closing && id == -ENOENT && publish->present)
        answer_error(http, &publish->exchange, 404, NULL,
                     "there is no such stream, and the rules do not allow to make it");
    else if (!http->connection.closing && id < 0)
        answer_refusal(http, &publish->exchange, id);
    else if (!http->connection.closing)
        answer_published(http, publish, id);
    publish_end(publish);
}

static void deleted(struct broker_publish *request, int64_t id)
{
    struct publish *publish = hark_container_of(request, struct publish, request);
    struct http_connection *http = publish->http;
    if (!http->connection.closing && id == -ENOENT) {
        answer_error(http, &publish->exchange, 404, NULL, "there is no such stream");
    } else if (!http->connection.closing && id == -EIDRM) {
        answer_error(http, &publish->exchange, 410, NULL,
                     "the stream was deleted, and stays for its forks alone");
    } else if (!http->connection.closing && id < 0) {
        answer_refusal(http, &publish->exchange, id);
    } else if (!http->connection.closing) {
        answer_head(http, &publish->exchange, 204, HTTP_LENGTH_NONE, NULL, NULL);
        answer_done(http, &publish->exchange);
    }
    publish_end(publish);
}

/* --- requests --- */

/* Makes the request pending; the stream of its route goes along. Gives: NULL: no memory, and
 * answered. */
static struct publish *publish_begin(struct http_connection *http, const struct exchange *exchange,
                                     size_t count)
{
    struct publish *publish = publish_take(http->connection.worker, count);
    if (!publish) {
        if (http->pending == 0)
            answer_no_memory(http, exchange);
        else /* an answer here would come before those that are pending */
            connection_close(&http->connection);
        return NULL;
    }
    publish->http = http;
    publish->exchange = *exchange;
    publish->stream = http->route.stream;
    publish->present = http->route.present;
    publish->count = count;
    http->route.stream = NULL;
    http->pending++;
    http->pending_bytes += count;
    connection_await(&http->connection);
    return publish;
}

void publish_event(struct http_connection *http, const struct exchange *exchange)
{
    size_t count = http->request.body_count;
    struct publish *publish = publish_begin(http, exchange, count);
    if (!publish)
        return;
    memcpy(publish->body, http->request.body, count);
    if (publish->present)
        broker_publish_present(publish->stream, &publish->request, publish->body, count, published);
    else
        broker_publish(publish->stream, &publish->request, publish->body, count, published);
}

void publish_deletion(struct http_connection *http, const struct exchange *exchange)
{
    struct publish *publish = publish_begin(http, exchange, 0);
    if (publish)
        broker_delete(publish->stream, &publish->request, deleted);
}
