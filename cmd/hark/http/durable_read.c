/* durable_read.c - first what the stream is like is asked of the thread that has the log, then a
 * chunk of it is read.
 *
 * What must hold: while a connection waits for either, none of its other requests is answered. */
#include "http/durable_read.h"

#include "broker/chunk.h"
#include "broker/stream.h"
#include "connection/query.h"
#include "durable/fields.h"
#include "durable/offset.h"
#include "http/answer.h"
#include "http/durable_answer.h"
#include "http/durable_live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MATCH_BYTES = 1024, MODE_BYTES = 16, CHUNK_BYTES = 64 * 1024 };

/* One read on its way. */
struct durable_read {
    struct query query;
    struct broker_chunk chunk;
    struct http_connection *http;
    struct exchange exchange;
    struct broker_stream *stream; /* a handle */
    enum offset_kind from;
    uint64_t generation; /* of the stream, once something was read; 0: nothing was */
    uint64_t begin;      /* the id behind which it was asked for */
    uint64_t after;      /* and behind which it goes on */
    char *body;          /* what was read so far: count of room bytes */
    size_t count;
    size_t room;
    char match[MATCH_BYTES]; /* If-None-Match */
    bool waits;              /* the answer does not come at once */
};

/* --- the answer --- */

static void end(struct durable_read *read)
{
    struct http_connection *http = read->http;
    const bool waited = read->waits;
    broker_stream_close(read->stream);
    free(read->body);
    free(read);
    if (!waited)
        return;
    http_unblock(http);
    connection_answered(&http->connection);
}

static void fail(struct durable_read *read, int status, const char *reason)
{
    struct durable_lines lines;
    durable_lines_begin(&lines);
    durable_line(&lines, "Cache-Control", "no-store");
    durable_line(&lines, "Retry-After", status == 503 ? "1" : NULL);
    if (!read->http->connection.closing)
        answer_error(read->http, &read->exchange, status, lines.lines, reason);
    end(read);
}

/* Whether the client has that already. Takes: match: a list of tags. */
static bool has_tag(const char *match, const char *tag)
{
    const size_t length = strlen(tag);
    if (strcmp(match, "*") == 0)
        return true;
    for (const char *at = strstr(match, tag); at; at = strstr(at + 1, tag))
        if (at[length] == '\0' || at[length] == ',' || at[length] == ' ')
            return true;
    return false;
}

/* Takes: to: the id of the last event in the chunk, or where the read began. */
static void give(struct durable_read *read, uint64_t to)
{
    struct durable_reading reading = {.facts = &read->query.facts,
                                      .from = read->begin,
                                      .to = to,
                                      .now = read->from == OFFSET_NOW};
    struct durable_lines lines;
    durable_reading_lines(&reading, &lines);
    if (read->http->connection.closing) {
        end(read);
        return;
    }
    if (!reading.now && has_tag(read->match, reading.tag)) {
        answer_head(read->http, &read->exchange, 304, HTTP_LENGTH_NONE, NULL, lines.lines);
        answer_done(read->http, &read->exchange);
    } else {
        durable_send_chunk(read->http, &read->exchange, &reading, &lines, read->body, read->count);
    }
    end(read);
}

static void tell(struct durable_read *read)
{
    const struct durable_facts *facts = &read->query.facts;
    struct durable_lines lines;
    durable_lines_begin(&lines);
    durable_next_offset(&lines, facts->tail);
    durable_line(&lines, "Stream-TTL", *facts->ttl ? facts->ttl : NULL);
    durable_line(&lines, "Stream-Expires-At", *facts->expires ? facts->expires : NULL);
    durable_line(&lines, "Stream-Closed", facts->closed ? "true" : NULL);
    durable_line(&lines, "Cache-Control", "no-store");
    if (!read->http->connection.closing) {
        answer_head(read->http, &read->exchange, 200, 0, facts->type, lines.lines);
        answer_done(read->http, &read->exchange);
    }
    end(read);
}

/* --- step by step --- */

static void ask(struct durable_read *read);

/* Takes what was read to what there is. Gives: false: there is no memory. */
static bool gather(struct durable_read *read, size_t count)
{
    if (read->count + count > read->room) {
        char *larger = realloc(read->body, read->count + count);
        if (!larger)
            return false;
        read->body = larger;
        read->room = read->count + count;
    }
    memcpy(read->body + read->count, read->chunk.bytes, count);
    read->count += count;
    return true;
}

static void chunk_read(struct broker_chunk *chunk, int64_t result)
{
    struct durable_read *read = hark_container_of(chunk, struct durable_read, chunk);
    const struct durable_place *place = &read->query.place;
    const bool gathered = result <= 0 || gather(read, (size_t)result);
    free(chunk->bytes);
    chunk->bytes = NULL;
    if (read->http->connection.closing) {
        end(read);
    } else if (result == -ENOENT) {
        fail(read, 404, "there is no such stream");
    } else if (result < 0 || !gathered) {
        fail(read, 503, "the stream cannot be read now: try again later");
    } else if (chunk->gap && read->from == OFFSET_AFTER) {
        fail(read, 410, "what followed that offset is not kept");
    } else {
        const bool moved = chunk->last > place->after;
        if (moved)
            read->after = chunk->last;
        else if (place->beyond != 0)
            read->after = place->beyond;
        else if (place->after > read->after)
            read->after = place->after;
        if (read->count >= CHUNK_BYTES || (!moved && place->beyond == 0))
            give(read, read->after);
        else
            ask(read);
    }
}

static void wait_for_answer(struct durable_read *read)
{
    if (read->waits)
        return;
    read->waits = true;
    http_block(read->http);
    connection_await(&read->http->connection);
}

static void read_chunk(struct durable_read *read)
{
    const struct durable_place *place = &read->query.place;
    read->generation = read->query.facts.generation;
    const bool json = durable_type_is_json(read->query.facts.type);
    const struct broker_part part = {
        .encoding = json ? BROKER_JSON : BROKER_BYTES,
        .generation = place->generation,
        .after = place->after,
        .limit = place->limit,
    };
    if (broker_chunk_read(&read->chunk, read->stream, &part, chunk_read) < 0)
        fail(read, 503, "out of memory: try again later");
    else
        wait_for_answer(read);
}

/* It is known what the stream is like. */
static void know(struct durable_read *read)
{
    const struct durable_facts *facts = &read->query.facts;
    const struct durable_place *place = &read->query.place;
    if (read->query.outcome == QUERY_NO_MEMORY)
        fail(read, 503, "out of memory: try again later");
    else if (!facts->exists || (read->generation != 0 && facts->generation != read->generation))
        fail(read, 404, "there is no such stream");
    else if (facts->deleted)
        fail(read, 410, "the stream was deleted, and stays for its forks alone");
    else if (read->exchange.head_only)
        tell(read);
    else if (read->from == OFFSET_NOW)
        give(read, facts->tail);
    else if (read->after > facts->tail && read->count == 0)
        fail(read, 410, "that offset is behind the end: what stood there was lost");
    else if (read->after >= facts->tail || (place->limit == 0 && place->after >= facts->tail))
        give(read, read->after > place->after ? read->after : place->after);
    else
        read_chunk(read);
}

static void answered(struct query *query)
{
    know(hark_container_of(query, struct durable_read, query));
}

/* What the query asks for. Gives: NULL, or what is wrong. *out_mode: "": it is no live read. */
static const char *take_query(const struct http_request *request, struct durable_live_request *live,
                              char mode[MODE_BYTES])
{
    char text[64];
    int error = http_request_query(request, "offset", text, sizeof text);
    const int has_mode = http_request_query(request, "live", mode, MODE_BYTES);
    live->from = OFFSET_START;
    if (has_mode == -ENOENT)
        *mode = '\0';
    else if (has_mode < 0 || (strcmp(mode, "long-poll") != 0 && strcmp(mode, "sse") != 0))
        return "live is neither long-poll nor sse";
    if (error == -ENOENT && *mode)
        return "a live read has to say its offset";
    if (error != -ENOENT && (error < 0 || offset_parse(text, &live->from, &live->after) < 0))
        return "offset is none of this server's";
    if (http_request_query(request, "cursor", text, sizeof text) == 0 &&
        field_number(text, &live->cursor) < 0)
        live->cursor = 0;
    return NULL;
}

/* Asks what the stream is like, and where it is read on. */
static void ask(struct durable_read *read)
{
    struct worker *worker = read->http->connection.worker;
    read->query.after = read->after;
    if (worker->calls->query_now(worker, &read->query)) {
        know(read);
    } else {
        wait_for_answer(read);
        worker->calls->query_send(worker, &read->query, answered);
    }
}

static void read_once(struct http_connection *http, const struct exchange *exchange,
                      const struct durable_live_request *asked)
{
    const char *match = http_request_header(&http->request, "If-None-Match");
    const char *name = broker_stream_name(http->route.stream);
    struct durable_read *read = calloc(1, sizeof *read);
    if (!read) {
        answer_no_memory(http, exchange);
        return;
    }
    read->http = http;
    read->exchange = *exchange;
    read->from = asked->from;
    read->begin = read->after = asked->after;
    if (match && strlen(match) < sizeof read->match)
        memcpy(read->match, match, strlen(match) + 1);
    read->stream = http->route.stream;
    http->route.stream = NULL;
    read->query.kind = QUERY_FACTS;
    read->query.touches = !exchange->head_only;
    memcpy(read->query.name, name, strlen(name) + 1);
    ask(read);
}

void durable_get(struct http_connection *http, const struct exchange *exchange)
{
    struct durable_live_request asked = {0};
    struct durable_lines lines;
    char mode[MODE_BYTES];
    const char *wrong = take_query(&http->request, &asked, mode);
    durable_lines_begin(&lines);
    if (wrong) {
        answer_error(http, exchange, 400, lines.lines, wrong);
    } else if (*mode && !exchange->head_only) {
        asked.events = strcmp(mode, "sse") == 0;
        durable_live_open(http, exchange, &asked);
    } else {
        read_once(http, exchange, &asked);
    }
}
