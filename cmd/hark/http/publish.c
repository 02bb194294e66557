/* publish.c - POST and DELETE on a stream: answered when the log has answered.
 *
 * The log answers in the order in which it was asked, so the answers of one connection stand in the
 * order of its requests without a queue of ours. A post is one block, body behind it; blocks for
 * small bodies are kept for the next.
 */
#include "http/http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "connection/refusal.h"
#include "wire/name.h"

enum { SMALL_BODY_BYTES = 2048, KEPT_MAX = 256 };

/* One request that waits for the log. */
struct post {
    struct broker_publish publish;
    struct http_session *http;
    struct exchange exchange;
    struct post *next; /* among those kept */
    size_t count;
    size_t room;
    char body[];
};

static struct post *post_take(struct agent *agent, size_t count)
{
    struct post *post = agent->kept_posts;
    if (count <= SMALL_BODY_BYTES && post) {
        agent->kept_posts = post->next;
        agent->kept_posts_count--;
    } else {
        size_t room = count < SMALL_BODY_BYTES ? SMALL_BODY_BYTES : count;
        post = malloc(sizeof *post + room);
        if (!post)
            return NULL;
        post->room = room;
    }
    memset(&post->publish, 0, sizeof post->publish);
    return post;
}

static void post_give(struct agent *agent, struct post *post)
{
    if (post->room != SMALL_BODY_BYTES || agent->kept_posts_count == KEPT_MAX) {
        free(post);
        return;
    }
    post->next = agent->kept_posts;
    agent->kept_posts = post;
    agent->kept_posts_count++;
}

void publish_http_done(struct agent *agent)
{
    while (agent->kept_posts) {
        struct post *next = agent->kept_posts->next;
        free(agent->kept_posts);
        agent->kept_posts = next;
    }
    agent->kept_posts_count = 0;
}

/* --- answers --- */

static void answer_refusal(struct http_session *http, const struct exchange *exchange,
                           int64_t error)
{
    struct refusal refusal = refusal_of(error);
    answer_error(http, exchange, refusal.status,
                 refusal.status == 503 ? "Retry-After: 1\r\n" : NULL, refusal.reason);
}

static void answer_published(struct http_session *http, struct post *post, int64_t id)
{
    char body[NAME_BYTES_MAX + ID_BYTES_MAX + 32];
    char *end = stpcpy(body, "{\"stream\":\"");
    end = stpcpy(end, broker_stream_name(post->publish.stream));
    end = stpcpy(end, "\",\"id\":");
    end += id_format((uint64_t)id, end);
    end = stpcpy(end, "}\n");
    answer_bytes(http, &post->exchange, 201, "application/json", NULL, body, (size_t)(end - body));
}

/* What published and deleted have in common: the request is no longer pending. */
static void post_end(struct post *post)
{
    struct http_session *http = post->http;
    struct agent *agent = http->session.agent;
    broker_stream_close(post->publish.stream);
    http->pending--;
    http->pending_bytes -= post->count;
    agent->answering--;
    post_give(agent, post);
    http_advance(http);
    session_release(&http->session);
    shutdown_advance(agent);
}

static void published(struct broker_publish *publish, int64_t id)
{
    struct post *post = hark_container_of(publish, struct post, publish);
    struct http_session *http = post->http;
    if (!http->session.closing && id < 0)
        answer_refusal(http, &post->exchange, id);
    else if (!http->session.closing)
        answer_published(http, post, id);
    post_end(post);
}

static void deleted(struct broker_publish *publish, int64_t id)
{
    struct post *post = hark_container_of(publish, struct post, publish);
    struct http_session *http = post->http;
    if (!http->session.closing && id == -ENOENT) {
        answer_error(http, &post->exchange, 404, NULL, "there is no such stream");
    } else if (!http->session.closing && id < 0) {
        answer_refusal(http, &post->exchange, id);
    } else if (!http->session.closing) {
        answer_head(http, &post->exchange, 204, HTTP_LENGTH_NONE, NULL, NULL);
        answer_done(http, &post->exchange);
    }
    post_end(post);
}

/* --- requests --- */

/* Makes the request pending. Gives: NULL: no memory, and answered. */
static struct post *post_begin(struct http_session *http, const struct exchange *exchange,
                               struct broker_stream *stream, size_t count)
{
    struct post *post = post_take(http->session.agent, count);
    struct broker_stream *own = NULL;
    const char *name = broker_stream_name(stream);
    if (!post || broker_stream_open(http->session.agent->broker, name, strlen(name), &own) < 0) {
        free(post);
        if (http->pending == 0)
            answer_error(http, exchange, 503, "Retry-After: 1\r\n",
                         "out of memory: try again later");
        else
            session_close(
                &http->session); /* an answer here would come before those that are pending */
        return NULL;
    }
    post->http = http;
    post->exchange = *exchange;
    post->count = count;
    http->pending++;
    http->pending_bytes += count;
    http->session.agent->answering++;
    session_hold(&http->session);
    return post;
}

void publish_event(struct http_session *http, const struct exchange *exchange,
                   struct broker_stream *stream)
{
    size_t count = http->request.body_count;
    struct post *post = post_begin(http, exchange, stream, count);
    if (!post)
        return;
    memcpy(post->body, http->request.body, count);
    broker_publish(stream, &post->publish, post->body, count, published);
}

void publish_deletion(struct http_session *http, const struct exchange *exchange,
                      struct broker_stream *stream)
{
    struct post *post = post_begin(http, exchange, stream, 0);
    if (post)
        broker_delete(stream, &post->publish, deleted);
}
