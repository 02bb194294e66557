/* http_response.c - reading responses, for clients. The same readers as for requests, as strict;
 * the body is handed on in pieces.
 *
 * A client that is wrong about where a response ends takes the rest for the next one: what is in
 * doubt is refused here too.
 */
#include "wire/http_response.h"

#include "wire/block.h"
#include "wire/http_framing.h"
#include "wire/http_second.h"

#include <stdlib.h>
#include <string.h>

enum step {
    HEAD,
    LENGTH,
    CHUNKS,
    UNTIL_CLOSE,
    COMPLETE,
    REFUSED,
};

struct http_response_parts {
    struct http_fields fields;
    struct http_chunks chunks;
    struct http_second second;
    uint64_t left; /* of a body with a length */
    int version_minor;
};

void http_response_init(struct http_response *response, http_response_body *body, void *context,
                        bool to_head)
{
    *response =
        (struct http_response){.body = body, .context = context, .to_head = to_head, .step = HEAD};
}

static enum http_state refused(struct http_response *response, const char *reason)
{
    response->reason = reason;
    response->keep_alive = false;
    response->step = REFUSED;
    return HTTP_REFUSED;
}

static int give_body(void *context, const char *bytes, size_t count)
{
    struct http_response *response = context;

    if (response->body && count > 0)
        response->body(response->context, bytes, count);
    return 0;
}

/* "HTTP/1.1 200 Reason": the reason may be empty, the blank before it not. */
static const char *read_status_line(struct http_response *response, struct http_span line)
{
    const char *at = line.bytes;

    if (line.count < 12 || memcmp(at, "HTTP/1.", 7) != 0 || (at[7] != '0' && at[7] != '1') ||
        at[8] != ' ')
        return "the answer is no HTTP/1.1";
    if (at[9] < '1' || at[9] > '5' || at[10] < '0' || at[10] > '9' || at[11] < '0' ||
        at[11] > '9' || (line.count > 12 && at[12] != ' '))
        return "the answer has a bad status";
    response->parts->version_minor = at[7] - '0';
    response->status = (at[9] - '0') * 100 + (at[10] - '0') * 10 + (at[11] - '0');
    return NULL;
}

/* Whether no body follows, whatever the fields say: they tell of the body that a GET would have
 * got. */
static bool bodyless(const struct http_response *response)
{
    return response->to_head || response->status == 204 || response->status == 304;
}

/* Where the body ends (RFC 9112, 6.3). */
static enum step frame(struct http_response *response, const struct http_framing *framing)
{
    if (bodyless(response))
        return COMPLETE;
    if (framing->chunked)
        return CHUNKS;
    if (!framing->has_length)
        return UNTIL_CLOSE;
    return framing->length > 0 ? LENGTH : COMPLETE;
}

static enum http_state end_head(struct http_response *response)
{
    struct http_response_parts *parts = response->parts;
    struct http_refusal refusal = {0};
    struct http_framing framing;

    if (!http_framing_read(&parts->fields, parts->version_minor, &framing, &refusal))
        return refused(response, refusal.reason);
    response->step = frame(response, &framing);
    http_second_init(&parts->second, HTTP_RESPONSE, bodyless(response), give_body, response);
    if (!http_second_read(&parts->second, parts->fields.bytes, parts->fields.count) ||
        !parts->second.head || parts->second.complete != (response->step == COMPLETE))
        return refused(response, http_second_reason(&parts->second));
    parts->left = framing.length;
    http_chunks_init(&parts->chunks, UINT64_MAX);
    response->until_close = response->step == UNTIL_CLOSE;
    response->keep_alive =
        !response->until_close && http_keep_alive_read(&parts->fields, parts->version_minor);
    http_fields_terminate(&parts->fields);
    return HTTP_HEAD_COMPLETE;
}

static enum http_state feed_line(struct http_response *response, struct http_span line)
{
    struct http_fields *fields = &response->parts->fields;
    struct http_refusal refusal = {0};
    const char *reason = NULL;

    if (fields->lines == 1) {
        reason = read_status_line(response, line);
        return reason ? refused(response, reason) : HTTP_MORE;
    }
    if (line.count > 0)
        return http_fields_add(fields, line, &refusal) ? HTTP_MORE
                                                       : refused(response, refusal.reason);
    if (response->status == 101)
        return refused(response, "the answer switches to a protocol that was not asked for");
    if (response->status >= 200)
        return end_head(response);
    http_fields_reset(fields, fields->spent + fields->count);
    return HTTP_MORE;
}

static enum http_state feed_head(struct http_response *response, const char *bytes, size_t count,
                                 size_t *used)
{
    enum http_state state = HTTP_MORE;

    while (state == HTTP_MORE && *used < count) {
        struct http_refusal refusal = {0};
        struct http_span line;
        size_t taken;
        const int result = http_fields_gather(&response->parts->fields, bytes + *used,
                                              count - *used, &taken, &line, &refusal);

        *used += taken;
        if (result < 0)
            return refused(response, refusal.reason);
        if (result > 0)
            state = feed_line(response, line);
    }
    return state;
}

static enum http_state completed(struct http_response *response)
{
    response->step = COMPLETE;
    return HTTP_COMPLETE;
}

static enum http_state feed_chunks(struct http_response *response, const char *bytes, size_t count,
                                   size_t *used)
{
    struct http_response_parts *parts = response->parts;
    struct http_refusal refusal = {0};
    const int result =
        http_second_read_chunks(&parts->second, &parts->chunks, bytes, count, used, &refusal);

    if (result < 0)
        return refused(response, refusal.reason);
    return result == 1 ? completed(response) : HTTP_MORE;
}

static enum http_state feed_length(struct http_response *response, const char *bytes, size_t count,
                                   size_t *used)
{
    struct http_response_parts *parts = response->parts;

    *used = parts->left < count ? (size_t)parts->left : count;
    parts->left -= *used;
    give_body(response, bytes, *used);
    return parts->left == 0 ? completed(response) : HTTP_MORE;
}

enum http_state http_response_feed(struct http_response *response, const void *bytes, size_t count,
                                   size_t *out_used)
{
    *out_used = 0;
    if (response->step == COMPLETE)
        return HTTP_COMPLETE;
    if (response->step == REFUSED)
        return HTTP_REFUSED;
    if (count == 0)
        return HTTP_MORE;
    if (!response->parts) {
        response->parts = calloc(1, sizeof *response->parts);
        if (!response->parts)
            return refused(response, "out of memory");
    }
    if (response->step == HEAD)
        return feed_head(response, bytes, count, out_used);
    if (response->step == CHUNKS)
        return feed_chunks(response, bytes, count, out_used);
    if (response->step == LENGTH)
        return feed_length(response, bytes, count, out_used);
    *out_used = count;
    give_body(response, bytes, count);
    return HTTP_MORE;
}

enum http_state http_response_end(struct http_response *response)
{
    if (response->step == COMPLETE || response->step == UNTIL_CLOSE)
        return completed(response);
    if (response->step == REFUSED)
        return HTTP_REFUSED;
    return refused(response, "the connection ended in the middle of an answer");
}

const char *http_response_header(const struct http_response *response, const char *name)
{
    return response->parts ? http_fields_text(&response->parts->fields, name) : NULL;
}

void http_response_next(struct http_response *response, bool to_head)
{
    struct http_response_parts *parts = response->parts;

    http_response_init(response, response->body, response->context, to_head);
    response->parts = parts;
    if (parts)
        http_fields_reset(&parts->fields, 0);
}

void http_response_done(struct http_response *response)
{
    if (response->parts)
        block_free(&response->parts->fields.bytes, &response->parts->fields.room);
    free(response->parts);
    http_response_init(response, response->body, response->context, response->to_head);
}
