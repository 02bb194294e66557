/* answer.c - writing answers. Small ones go with their head into one copy; large bodies are sent
 * from where they are. */
#include "http/answer.h"
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEAD_ROOM = 2048,
    LINES_MAX = 16, /* beside the common ones */
    SMALL_BYTES = 4096,
    PIECE_BYTES = 128 * 1024, /* of a document */
};

const struct http_line answer_no_cache[] = {{"Cache-Control", "no-cache"}, {0}};
const struct http_line answer_retry[] = {{"Retry-After", "1"}, {0}};

/* A list with two lines more.
 * Takes: out of LINES_MAX. Gives: out. */
static const struct http_line *with_origin(const char *origin, const struct http_line *lines,
                                           struct http_line *out)
{
    size_t count = 0;
    for (; lines && lines->name; lines++) {
        check(count < LINES_MAX - 3);
        out[count++] = *lines;
    }
    out[count++] = (struct http_line){"Access-Control-Allow-Origin", origin};
    out[count++] = (struct http_line){
        "Access-Control-Expose-Headers",
        "ETag, Location, Retry-After, Stream-Next-Offset, Stream-Up-To-Date, Stream-Closed, "
        "Stream-Cursor, Stream-TTL, Stream-Expires-At, Stream-SSE-Data-Encoding, Producer-Epoch, "
        "Producer-Seq, Producer-Expected-Seq, Producer-Received-Seq"};
    out[count] = (struct http_line){0};
    return out;
}

/* Writes the head into `to`. Gives: its bytes; 0 where it has no room. */
static size_t head_format(struct http_connection *http, const struct exchange *exchange, int status,
                          int64_t length, const char *type, const struct http_line *lines, char *to,
                          size_t room)
{
    struct worker *worker = http->connection.worker;
    struct http_line all[LINES_MAX];
    if (worker->options->allow_origin)
        lines = with_origin(worker->options->allow_origin, lines, all);
    struct http_head head = {
        .status = status,
        .length = length,
        .keep_alive = exchange->keep_alive,
        .content_type = type,
        .date = date_text(&worker->date, worker->loop),
        .lines = lines,
    };
    int64_t written = http_head_write(&head, to, room);
    if (written < 0)
        return 0;
    worker->counters.answers[status / 100]++;
    return (size_t)written;
}

bool answer_head(struct http_connection *http, const struct exchange *exchange, int status,
                 int64_t length, const char *type, const struct http_line *lines)
{
    char head[HEAD_ROOM];
    size_t count = head_format(http, exchange, status, length, type, lines, head, sizeof head);
    return connection_write(&http->connection, head, count);
}

void answer_done(struct http_connection *http, const struct exchange *exchange)
{
    if (!exchange->keep_alive && !http->connection.closing)
        connection_close_after_sending(&http->connection);
}

void answer_bytes(struct http_connection *http, const struct exchange *exchange, int status,
                  const char *type, const struct http_line *lines, const void *body, size_t count)
{
    char whole[HEAD_ROOM + SMALL_BYTES];
    size_t head =
        head_format(http, exchange, status, (int64_t)count, type, lines, whole, HEAD_ROOM);
    size_t send = exchange->head_only ? 0 : count;
    bool small = send <= SMALL_BYTES;
    if (small && send != 0)
        memcpy(whole + head, body, send);
    if (connection_write(&http->connection, whole, head != 0 && small ? head + send : head) &&
        !small)
        connection_write(&http->connection, body, send);
    answer_done(http, exchange);
}

void answer_error(struct http_connection *http, const struct exchange *exchange, int status,
                  const struct http_line *lines, const char *reason)
{
    char body[512];
    int count = snprintf(body, sizeof body, "{\"error\":\"%s\"}\n", reason);
    if (count >= (int)sizeof body)
        count = (int)sizeof body - 1;
    answer_bytes(http, exchange, status, "application/json", lines, body, (size_t)count);
}

void answer_no_memory(struct http_connection *http, const struct exchange *exchange)
{
    answer_error(http, exchange, 503, answer_retry, "out of memory: try again later");
}

void answer_line(struct http_connection *http, const struct exchange *exchange, int status,
                 const char *line)
{
    char body[256];
    int count = snprintf(body, sizeof body, "%s\n", line);
    answer_bytes(http, exchange, status, "text/plain; charset=utf-8", answer_no_cache, body,
                 (size_t)count);
}

void answer_options(struct http_connection *http, const struct exchange *exchange,
                    const char *allow, const char *methods)
{
    const struct http_line plain[] = {{"Allow", allow}, {0}};
    const struct http_line with_origin[] = {
        {"Allow", allow},
        {"Access-Control-Allow-Methods", methods},
        {"Access-Control-Allow-Headers",
         "Content-Type, Last-Event-ID, Authorization, If-None-Match, Stream-Seq, Stream-TTL, "
         "Stream-Expires-At, Stream-Closed, Stream-Forked-From, Stream-Fork-Offset, "
         "Stream-Fork-Sub-Offset, Producer-Id, Producer-Epoch, Producer-Seq"},
        {"Access-Control-Max-Age", "600"},
        {0},
    };
    bool origin = http->connection.worker->options->allow_origin;
    answer_head(http, exchange, 204, HTTP_LENGTH_NONE, NULL, origin ? with_origin : plain);
    answer_done(http, exchange);
}

/* --- what stays where it is --- */

static void page_released(struct hark_stream *stream, struct hark_stream_block *block, int error)
{
    (void)stream;
    (void)error;
    free(block);
}

void answer_static(struct http_connection *http, const struct exchange *exchange, const char *type,
                   const struct http_line *lines, const char *bytes, size_t count)
{
    bool written = answer_head(http, exchange, 200, (int64_t)count, type, lines);
    if (written && !exchange->head_only && count != 0) {
        struct hark_stream_block *block = malloc(sizeof *block);
        if (block)
            *block = (struct hark_stream_block){
                .bytes = bytes, .count = count, .released = page_released};
        if (!block || hark_stream_write_block(&http->connection.stream, block) < 0) {
            free(block);
            connection_close(&http->connection);
        }
    }
    answer_done(http, exchange);
}

/* --- documents --- */

/* One that is on its way to a client: a piece at a time, since what a socket takes at once may be
 * megabytes, which are copied in one turn of the loop. */
struct body {
    struct hark_stream_block block;
    struct http_connection *http;
    struct exchange exchange;
    struct document *document;
    size_t given;
};

static void body_end(struct body *body)
{
    struct http_connection *http = body->http;
    struct exchange exchange = body->exchange;
    document_release(body->document);
    free(body);
    answer_done(http, &exchange);
    http_unblock(http);
    connection_advance(&http->connection);
    connection_release(&http->connection);
}

static void body_next(struct body *body);

static void piece_released(struct hark_stream *stream, struct hark_stream_block *block, int error)
{
    struct body *body = hark_container_of(block, struct body, block);
    (void)stream;
    if (error < 0 || body->http->connection.closing || body->given == body->document->count)
        body_end(body);
    else
        body_next(body);
}

static void body_next(struct body *body)
{
    size_t left = body->document->count - body->given;
    body->block = (struct hark_stream_block){
        .bytes = body->document->bytes + body->given,
        .count = left < PIECE_BYTES ? left : PIECE_BYTES,
        .released = piece_released,
    };
    body->given += body->block.count;
    if (hark_stream_write_block(&body->http->connection.stream, &body->block) >= 0)
        return;
    connection_close(&body->http->connection);
    body_end(body);
}

void answer_document(struct http_connection *http, const struct exchange *exchange,
                     const char *type, struct document *document)
{
    struct body *body = malloc(sizeof *body);
    if (!body ||
        !answer_head(http, exchange, 200, (int64_t)document->count, type, answer_no_cache)) {
        free(body);
        document_release(document);
        connection_close(&http->connection);
        return;
    }
    *body = (struct body){.http = http, .exchange = *exchange, .document = document};
    http_block(http);
    connection_hold(&http->connection); /* the worker's end does not wait for who takes it */
    body_next(body);
}
