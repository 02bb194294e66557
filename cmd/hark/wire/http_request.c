/* http_request.c - reading requests: the steps from the first byte of a head to the last of a body.
 *
 * The head is gathered and checked line by line (http_fields.c); at its end the whole head is
 * judged: host, framing, expectation; then llhttp reads the head again (http_second.c) and must
 * come to the same framing. A body with a length is copied; a chunked one goes through
 * http_chunks.c and llhttp side by side, and llhttp's decoding is what is kept. Memory follows what
 * has arrived, never what a header claims. A refusal is final: where the next message would begin
 * is in doubt.
 */
#include "wire/http_request.h"

#include "base/check.h"
#include "wire/block.h"
#include "wire/http_framing.h"

#include <stdlib.h>
#include <string.h>

enum step {
    QUIET, /* no byte yet */
    EMPTY, /* one empty line before the request: RFC 9112, 2.2 */
    HEAD,
    BODY,
    COMPLETE,
    REFUSED,
};

static const struct {
    const char *name;
    enum http_method method;
} methods[] = {
    {"GET", HTTP_METHOD_GET},     {"HEAD", HTTP_METHOD_HEAD},     {"POST", HTTP_METHOD_POST},
    {"PUT", HTTP_METHOD_PUT},     {"DELETE", HTTP_METHOD_DELETE}, {"OPTIONS", HTTP_METHOD_OPTIONS},
    {"PATCH", HTTP_METHOD_PATCH},
};

void http_request_init(struct http_request *request)
{
    memset(request, 0, sizeof *request);
    request->step = QUIET;
}

static enum http_state refused(struct http_request *request, struct http_refusal refusal)
{
    request->status = refusal.status;
    request->reason = refusal.reason;
    request->keep_alive = false;
    request->step = REFUSED;
    return HTTP_REFUSED;
}

/* Puts decoded bytes behind what the body has so far. */
static int keep_body(void *context, const char *bytes, size_t count)
{
    struct http_request *request = context;

    if (block_reserve(&request->body_block, &request->body_room, request->body_count + count)) {
        request->parts->no_memory = true;
        return -1;
    }
    memcpy(request->body_block + request->body_count, bytes, count);
    request->body_count += count;
    return 0;
}

static bool read_method(struct http_request *request, struct http_span method,
                        struct http_refusal *refusal)
{
    for (size_t at = 0; at < method.count; at++) {
        if (!http_token_byte(method.bytes[at]))
            return http_refuse(refusal, 400, "a bad method");
    }
    for (size_t index = 0; index < sizeof methods / sizeof methods[0]; index++) {
        if (strlen(methods[index].name) == method.count &&
            memcmp(methods[index].name, method.bytes, method.count) == 0) {
            request->method = methods[index].method;
            return true;
        }
    }
    return http_refuse(refusal, 501, "an unknown method");
}

static bool read_version(struct http_request *request, struct http_span version,
                         struct http_refusal *refusal)
{
    if (version.count != 8 || memcmp(version.bytes, "HTTP/", 5) != 0 || version.bytes[5] < '0' ||
        version.bytes[5] > '9' || version.bytes[6] != '.' || version.bytes[7] < '0' ||
        version.bytes[7] > '9')
        return http_refuse(refusal, 400, "a bad request line");
    if (version.bytes[5] != '1' || version.bytes[7] > '1')
        return http_refuse(refusal, 505, "a version other than HTTP/1.0 and HTTP/1.1");
    request->version_minor = version.bytes[7] - '0';
    return true;
}

/* "METHOD TARGET VERSION", one blank between them. */
static bool read_request_line(struct http_request *request, struct http_span line,
                              struct http_refusal *refusal)
{
    const char *first = memchr(line.bytes, ' ', line.count);
    const char *last = memrchr(line.bytes, ' ', line.count);
    const char *end = line.bytes + line.count;
    struct http_target target;
    struct http_span bytes;

    if (!first || first == last || first == line.bytes)
        return http_refuse(refusal, 400, "a bad request line");
    bytes = (struct http_span){first + 1, (size_t)(last - first) - 1};
    if (!read_version(request, (struct http_span){last + 1, (size_t)(end - last) - 1}, refusal) ||
        !read_method(request, (struct http_span){line.bytes, (size_t)(first - line.bytes)},
                     refusal) ||
        !http_target_read(bytes, request->method == HTTP_METHOD_OPTIONS, &target, refusal))
        return false;
    request->parts->target = (size_t)(bytes.bytes - request->parts->fields.bytes);
    request->parts->target_count = bytes.count;
    return true;
}

/* Fields that say one thing, and two things when they are there twice. */
static bool check_single(const struct http_fields *fields, struct http_refusal *refusal)
{
    static const char *const single[] = {"content-type", "expect", "authorization",
                                         "last-event-id"};
    struct http_span value;

    for (size_t index = 0; index < sizeof single / sizeof single[0]; index++) {
        if (http_fields_find(fields, single[index], &value) > 1)
            return http_refuse(refusal, 400, "a header twice that may be there once");
    }
    return true;
}

static bool check_host(const struct http_request *request, struct http_refusal *refusal)
{
    struct http_span host = {"", 0};
    const unsigned hosts = http_fields_find(&request->parts->fields, "host", &host);

    if (hosts > 1)
        return http_refuse(refusal, 400, "Host twice");
    if (hosts == 0)
        return request->version_minor == 0 || http_refuse(refusal, 400, "no Host");
    return http_host_valid(host) || http_refuse(refusal, 400, "a bad Host");
}

static bool read_expect(struct http_request *request, struct http_refusal *refusal)
{
    struct http_span expect;

    if (http_fields_find(&request->parts->fields, "expect", &expect) == 0)
        return true;
    if (!http_span_is(expect, "100-continue"))
        return http_refuse(refusal, 417, "an Expect other than 100-continue");
    request->expects_continue = request->version_minor > 0;
    return true;
}

static bool read_framing(struct http_request *request, struct http_refusal *refusal)
{
    struct http_framing framing;

    if (!http_framing_read(&request->parts->fields, request->version_minor, &framing, refusal))
        return false;
    if (framing.length > HTTP_BODY_BYTES_MAX)
        return http_refuse(refusal, 413, "the body is too long");
    request->chunked = framing.chunked;
    request->body_length = framing.length;
    request->has_body = framing.chunked || framing.has_length;
    return true;
}

/* llhttp reads the head as well, and has to see a body if one is seen here. */
static bool read_again(struct http_request *request, struct http_refusal *refusal)
{
    struct http_parts *parts = request->parts;
    const bool follows = request->chunked || request->body_length > 0;

    http_second_init(&parts->second, HTTP_REQUEST, false, keep_body, request);
    if (!http_second_read(&parts->second, parts->fields.bytes, parts->fields.count))
        return http_refuse(refusal, 400, http_second_reason(&parts->second));
    if (!parts->second.head || parts->second.complete == follows ||
        (request->body_length > 0 && parts->second.parser.content_length != request->body_length) ||
        request->chunked != ((parts->second.parser.flags & F_CHUNKED) != 0))
        return http_refuse(refusal, 400, "a head that can be read in two ways");
    return true;
}

/* The host of an absolute target goes before Host (RFC 9112, 3.2.2). The host is moved over the
 * slash before it, so that there is room for its end: the path begins right behind. */
static const char *target_host(struct http_fields *fields, struct http_span authority)
{
    char *host = fields->bytes + (authority.bytes - fields->bytes) - 1;

    memmove(host, host + 1, authority.count);
    host[authority.count] = '\0';
    return host;
}

/* Makes text of the head, for the server to read. */
static void give_texts(struct http_request *request, struct http_target target)
{
    struct http_parts *parts = request->parts;
    const char *host;

    request->path = "/";
    request->path_count = 1;
    request->query = "";
    if (target.query.bytes) {
        parts->fields
            .bytes[target.query.bytes - parts->fields.bytes + (ptrdiff_t)target.query.count] = '\0';
        request->query = target.query.bytes;
    }
    if (target.path.count > 0) {
        char *path = parts->fields.bytes + (target.path.bytes - parts->fields.bytes);

        request->path_count = http_path_decode(path, target.path.count);
        path[request->path_count] = '\0';
        request->path = path;
    }
    http_fields_terminate(&parts->fields);
    host = target.authority.bytes ? target_host(&parts->fields, target.authority)
                                  : http_fields_text(&parts->fields, "host");
    request->host = host ? host : "";
}

/* The head is complete: judges the whole head. */
static enum http_state end_head(struct http_request *request)
{
    struct http_parts *parts = request->parts;
    struct http_refusal refusal = {0};
    struct http_target target;
    const struct http_span bytes = {parts->fields.bytes + parts->target, parts->target_count};

    if (!http_target_read(bytes, request->method == HTTP_METHOD_OPTIONS, &target, &refusal) ||
        !check_host(request, &refusal) || !check_single(&parts->fields, &refusal) ||
        !read_framing(request, &refusal) || !read_expect(request, &refusal) ||
        !read_again(request, &refusal))
        return refused(request, refusal);
    request->keep_alive = http_keep_alive_read(&parts->fields, request->version_minor);
    give_texts(request, target);
    http_chunks_init(&parts->chunks, HTTP_BODY_BYTES_MAX);
    request->body = "";
    request->step = request->chunked || request->body_length > 0 ? BODY : COMPLETE;
    return request->step == BODY ? HTTP_HEAD_COMPLETE : HTTP_COMPLETE;
}

static enum http_state feed_line(struct http_request *request, struct http_span line)
{
    struct http_fields *fields = &request->parts->fields;
    struct http_refusal refusal = {0};

    if (fields->lines == 1 && line.count == 0) {
        if (request->step == EMPTY)
            return refused(request, (struct http_refusal){400, "empty lines before the request"});
        request->step = EMPTY;
        http_fields_reset(fields, 0);
        return HTTP_MORE;
    }
    if (line.count == 0)
        return end_head(request);
    if (fields->lines == 1 ? !read_request_line(request, line, &refusal)
                           : !http_fields_add(fields, line, &refusal))
        return refused(request, refusal);
    request->step = HEAD;
    return HTTP_MORE;
}

static enum http_state feed_head(struct http_request *request, const char *bytes, size_t count,
                                 size_t *used)
{
    enum http_state state = HTTP_MORE;

    while (state == HTTP_MORE && *used < count) {
        struct http_refusal refusal = {0};
        struct http_span line;
        size_t taken;
        const int result = http_fields_gather(&request->parts->fields, bytes + *used, count - *used,
                                              &taken, &line, &refusal);

        *used += taken;
        if (result < 0)
            return refused(request, refusal);
        if (result > 0)
            state = feed_line(request, line);
    }
    return state;
}

static enum http_state end_body(struct http_request *request)
{
    if (request->body_count > 0) {
        request->body_block[request->body_count] = '\0';
        request->body = request->body_block;
    }
    request->step = COMPLETE;
    return HTTP_COMPLETE;
}

static enum http_state feed_length(struct http_request *request, const char *bytes, size_t count,
                                   size_t *used)
{
    const size_t wanted = (size_t)request->body_length - request->body_count;
    const size_t taken = count < wanted ? count : wanted;

    if (keep_body(request, bytes, taken))
        return refused(request, (struct http_refusal){503, "out of memory"});
    *used = taken;
    return taken == wanted ? end_body(request) : HTTP_MORE;
}

static enum http_state feed_chunks(struct http_request *request, const char *bytes, size_t count,
                                   size_t *used)
{
    struct http_parts *parts = request->parts;
    struct http_refusal refusal = {0};
    const int result =
        http_second_read_chunks(&parts->second, &parts->chunks, bytes, count, used, &refusal);

    if (result < 0)
        return refused(request,
                       parts->no_memory ? (struct http_refusal){503, "out of memory"} : refusal);
    return result == 1 ? end_body(request) : HTTP_MORE;
}

enum http_state http_request_feed(struct http_request *request, const void *bytes, size_t count,
                                  size_t *out_used)
{
    *out_used = 0;
    check(request->step != COMPLETE);
    if (request->step == REFUSED)
        return HTTP_REFUSED;
    if (count == 0)
        return HTTP_MORE;
    if (!request->parts) {
        request->parts = calloc(1, sizeof *request->parts);
        if (!request->parts)
            return refused(request, (struct http_refusal){503, "out of memory"});
    }
    if (request->step != BODY)
        return feed_head(request, bytes, count, out_used);
    if (request->chunked)
        return feed_chunks(request, bytes, count, out_used);
    return feed_length(request, bytes, count, out_used);
}

bool http_request_begun(const struct http_request *request)
{
    return request->step == HEAD || request->step == BODY ||
           (request->parts && request->parts->fields.count > 0 && request->step <= EMPTY);
}

const char *http_request_header(const struct http_request *request, const char *name)
{
    return request->parts ? http_fields_text(&request->parts->fields, name) : NULL;
}

void http_request_next(struct http_request *request)
{
    struct http_parts *parts = request->parts;
    char *body = request->body_block;
    size_t room = request->body_room;

    if (room > HTTP_KEPT_BYTES)
        block_free(&body, &room);
    http_request_init(request);
    request->parts = parts;
    request->body_block = body;
    request->body_room = room;
    if (parts)
        http_fields_reset(&parts->fields, 0);
}

void http_request_done(struct http_request *request)
{
    if (request->parts)
        block_free(&request->parts->fields.bytes, &request->parts->fields.room);
    free(request->parts);
    block_free(&request->body_block, &request->body_room);
    http_request_init(request);
}
