/* durable_answer.c - see the header. */
#include "http/durable_answer.h"

#include "base/check.h"
#include "http/answer.h"

#include <inttypes.h>
#include <stdio.h>

void durable_lines_begin(struct durable_lines *lines)
{
    *lines = (struct durable_lines){0};
    durable_line(lines, "Cross-Origin-Resource-Policy", "cross-origin");
    /* Whoever may append may say that it is a page: it runs nothing, and is of no origin. */
    durable_line(lines, "Content-Security-Policy", "sandbox");
}

void durable_line(struct durable_lines *lines, const char *name, const char *value)
{
    if (!value)
        return;
    check(lines->count + 1 < DURABLE_LINES_MAX);
    lines->lines[lines->count++] = (struct http_line){name, value};
}

void durable_next_offset(struct durable_lines *lines, uint64_t id)
{
    offset_format(id, lines->offset);
    durable_line(lines, "Stream-Next-Offset", lines->offset);
}

void durable_reading_lines(struct durable_reading *reading, struct durable_lines *lines)
{
    const struct durable_facts *facts = reading->facts;
    const bool at_end = reading->to >= facts->tail, closed = at_end && facts->closed;
    const bool nothing = reading->now || (reading->cursor != 0 && reading->from == reading->to);
    snprintf(reading->tag, sizeof reading->tag, "\"%" PRIu64 ":%" PRIu64 ":%" PRIu64 "%s\"",
             facts->generation, reading->from, reading->to, closed ? ":c" : "");
    snprintf(reading->cursor_text, sizeof reading->cursor_text, "%" PRIu64, reading->cursor);
    durable_lines_begin(lines);
    durable_next_offset(lines, reading->to);
    durable_line(lines, "Stream-Up-To-Date", at_end ? "true" : NULL);
    durable_line(lines, "Stream-Closed", closed ? "true" : NULL);
    durable_line(lines, "Stream-Cursor",
                 reading->cursor != 0 && !closed ? reading->cursor_text : NULL);
    durable_line(lines, "ETag", nothing ? NULL : reading->tag);
    durable_line(lines, "Cache-Control",
                 nothing ? "no-store" : "public, max-age=60, stale-while-revalidate=300");
}

void durable_send_chunk(struct http_connection *http, const struct exchange *exchange,
                        const struct durable_reading *reading, const struct durable_lines *lines,
                        const char *bytes, size_t count)
{
    struct connection *connection = &http->connection;
    const bool json = durable_type_is_json(reading->facts->type);
    if (json && count > 0)
        count--; /* the last comma gives way to the bracket */
    bool open = answer_head(http, exchange, 200, (int64_t)(json ? count + 2 : count),
                            reading->facts->type, lines->lines);
    if (open && json)
        open = connection_write(connection, "[", 1);
    if (open && count > 0)
        open = connection_write(connection, bytes, count);
    if (open && json)
        connection_write(connection, "]", 1);
    if (!connection->closing)
        answer_done(http, exchange);
}
