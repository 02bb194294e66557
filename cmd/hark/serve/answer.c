/* answer.c - writing answers. Small ones go with their head into one copy; large bodies are sent from where they are. */
#include "serve/http_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEAD_ROOM = 2048,
    SMALL_BYTES = 4096,
    BODY_BYTES_MAX = 12 * 1024 * 1024,   /* of a text: below what a connection may queue */
    BODIES_BYTES_MAX = 64 * 1024 * 1024, /* of all texts that clients have not taken yet */
};

/* A body that is sent without a copy, and freed where it was made for this. */
struct body {
    struct hark_stream_block block;
    char *owned;
    struct agent *agent;
};

/* Writes the head into `to`. Gives: its bytes; 0 where it has no room. */
static size_t head_format(struct http_session *http, const struct exchange *exchange, int status, int64_t length,
                          const char *type, const char *fields, char *to, size_t room)
{
    struct agent *agent = http->session.agent;
    const char *origin = agent->options->allow_origin;
    char lines[1024];
    if (origin != NULL) {
        int count = snprintf(lines, sizeof(lines), "%sAccess-Control-Allow-Origin: %s\r\n", fields != NULL ? fields : "", origin);
        if (count < 0 || (size_t)count >= sizeof(lines))
            return 0;
        fields = lines;
    }
    struct http_head head = {
        .status = status,
        .length = length,
        .keep_alive = exchange->keep_alive,
        .content_type = type,
        .date = agent_date(agent),
        .fields = fields,
    };
    int64_t written = http_head_write(&head, to, room);
    if (written < 0)
        return 0;
    agent->counters.answers[status / 100]++;
    return (size_t)written;
}

/* What cannot be queued ends the connection: an answer left out would shift those after it. */
static bool write_or_close(struct http_session *http, const void *bytes, size_t count)
{
    if (count != 0 && hark_stream_write(&http->session.stream, bytes, count) >= 0)
        return true;
    session_close(&http->session);
    return false;
}

bool answer_head(struct http_session *http, const struct exchange *exchange, int status, int64_t length, const char *type,
                 const char *fields)
{
    char head[HEAD_ROOM];
    size_t count = head_format(http, exchange, status, length, type, fields, head, sizeof(head));
    return write_or_close(http, head, count);
}

void answer_done(struct http_session *http, const struct exchange *exchange)
{
    if (!exchange->keep_alive && !http->session.closing)
        session_close_after_sending(&http->session);
}

void answer_bytes(struct http_session *http, const struct exchange *exchange, int status, const char *type, const char *fields,
                  const void *body, size_t count)
{
    char whole[HEAD_ROOM + SMALL_BYTES];
    size_t head = head_format(http, exchange, status, (int64_t)count, type, fields, whole, HEAD_ROOM);
    size_t send = exchange->head_only ? 0 : count;
    bool small = send <= SMALL_BYTES;
    if (small && send != 0)
        memcpy(whole + head, body, send);
    if (write_or_close(http, whole, head != 0 && small ? head + send : head) && !small)
        write_or_close(http, body, send);
    answer_done(http, exchange);
}

void answer_error(struct http_session *http, const struct exchange *exchange, int status, const char *fields, const char *reason)
{
    char body[512];
    int count = snprintf(body, sizeof(body), "{\"error\":\"%s\"}\n", reason);
    if (count >= (int)sizeof(body))
        count = (int)sizeof(body) - 1;
    answer_bytes(http, exchange, status, "application/json", fields, body, (size_t)count);
}

void answer_line(struct http_session *http, const struct exchange *exchange, int status, const char *line)
{
    char body[256];
    int count = snprintf(body, sizeof(body), "%s\n", line);
    answer_bytes(http, exchange, status, "text/plain; charset=utf-8", "Cache-Control: no-cache\r\n", body, (size_t)count);
}

void answer_options(struct http_session *http, const struct exchange *exchange, const char *allow, const char *methods)
{
    char fields[512];
    const char *origin = http->session.agent->options->allow_origin;
    snprintf(fields, sizeof(fields), "%s%s%s%s", allow, origin != NULL ? "Access-Control-Allow-Methods: " : "",
             origin != NULL ? methods : "",
             origin != NULL ? "\r\nAccess-Control-Allow-Headers: Content-Type, Last-Event-ID\r\nAccess-Control-Max-Age: 600\r\n"
                            : "");
    answer_head(http, exchange, 204, HTTP_LENGTH_NONE, NULL, fields);
    answer_done(http, exchange);
}

/* ---- large bodies ---- */

static void body_released(struct hark_stream *stream, struct hark_stream_block *block, int error)
{
    struct body *body = hark_container_of(block, struct body, block);
    (void)stream;
    (void)error;
    if (body->owned != NULL)
        body->agent->bodies_bytes -= block->count;
    free(body->owned);
    free(body);
}

static void answer_large(struct http_session *http, const struct exchange *exchange, const char *type, const char *bytes,
                         size_t count, char *owned)
{
    struct body *body = malloc(sizeof(*body));
    if (body == NULL) {
        free(owned);
        session_close(&http->session);
        return;
    }
    *body = (struct body){
        .block = {.bytes = bytes, .count = count, .released = body_released}, .owned = owned, .agent = http->session.agent};
    if (owned != NULL)
        body->agent->bodies_bytes += count;
    bool written = answer_head(http, exchange, 200, (int64_t)count, type, "Cache-Control: no-cache\r\n");
    if (!written || exchange->head_only || count == 0) {
        body_released(NULL, &body->block, 0);
    } else if (hark_stream_write_block(&http->session.stream, &body->block) < 0) {
        body_released(NULL, &body->block, 0);
        session_close(&http->session);
    }
    answer_done(http, exchange);
}

/* The share of a thread, which has to hold one of them. */
static uint64_t bodies_bytes_max(const struct agent *agent)
{
    uint64_t share = BODIES_BYTES_MAX / agent->crew->count;
    return share > BODY_BYTES_MAX ? share : BODY_BYTES_MAX;
}

void answer_text(struct http_session *http, const struct exchange *exchange, const char *type, struct text *text)
{
    struct agent *agent = http->session.agent;
    if (text->count > BODY_BYTES_MAX) {
        text_done(text);
        answer_error(http, exchange, 507, NULL, "there are too many streams for one answer: ask for one of them");
        return;
    }
    if (text->count > bodies_bytes_max(agent) - agent->bodies_bytes) {
        text_done(text);
        text->failed = true;
    }
    if (text->failed) {
        answer_error(http, exchange, 503, "Retry-After: 1\r\n", "out of memory: try again later");
        return;
    }
    char *bytes = text->bytes;
    size_t count = text->count;
    *text = (struct text){0};
    answer_large(http, exchange, type, bytes, count, bytes);
}

void answer_static(struct http_session *http, const struct exchange *exchange, const char *type, const char *bytes, size_t count)
{
    answer_large(http, exchange, type, bytes, count, NULL);
}
