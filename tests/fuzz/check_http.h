/* check_http.h - requests: the same in pieces of any size, and what is accepted keeps the promises
 * of wire/http.h. */
#ifndef TESTS_FUZZ_CHECK_HTTP_H
#define TESTS_FUZZ_CHECK_HTTP_H

#include "check.h"
#include "wire/http.h"

struct fuzzed_request {
    struct http_request request;
    struct digest *digest;
    bool refused;
};

static inline void http_fuzz_begin(void *state, struct digest *digest)
{
    struct fuzzed_request *fuzzed = state;

    http_request_init(&fuzzed->request);
    fuzzed->digest = digest;
    fuzzed->refused = false;
}

static inline void http_fuzz_head(struct fuzzed_request *fuzzed)
{
    const struct http_request *request = &fuzzed->request;
    char value[32] = "";

    must(request->path[0] == '/' ||
         (request->path[0] == '*' && request->method == HTTP_METHOD_OPTIONS));
    must(strlen(request->path) == request->path_count);
    for (size_t at = 0; at < request->path_count; at++)
        must((unsigned char)request->path[at] >= ' ' && request->path[at] != 0x7f);
    must(!strpbrk(request->query, " \t\r\n#"));
    must(request->version_minor == 0 || *request->host);
    must(!(request->expects_continue && request->version_minor == 0));
    must(!(request->chunked && http_request_header(request, "content-length")));
    digest_number(fuzzed->digest, request->method);
    digest_text(fuzzed->digest, request->path);
    digest_text(fuzzed->digest, request->query);
    digest_text(fuzzed->digest, request->host);
    digest_number(fuzzed->digest, request->keep_alive);
    digest_number(fuzzed->digest, request->expects_continue);
    digest_number(fuzzed->digest, request->chunked);
    digest_number(fuzzed->digest, http_request_accepts(request, "text/event-stream"));
    digest_number(fuzzed->digest,
                  (uint64_t)http_request_query(request, "after", value, sizeof value));
    digest_text(fuzzed->digest, value);
}

static inline void http_fuzz_refused(struct fuzzed_request *fuzzed)
{
    const int status = fuzzed->request.status;

    must(status == 400 || status == 413 || status == 414 || status == 417 || status == 431 ||
         status == 501 || status == 505);
    must(fuzzed->request.reason && *fuzzed->request.reason && !fuzzed->request.keep_alive);
    digest_number(fuzzed->digest, (uint64_t)status);
    digest_text(fuzzed->digest, fuzzed->request.reason);
    fuzzed->refused = true;
}

static inline bool http_fuzz_feed(void *state, const char *bytes, size_t count)
{
    struct fuzzed_request *fuzzed = state;

    while (count > 0) {
        size_t used;
        const enum http_state result = http_request_feed(&fuzzed->request, bytes, count, &used);

        must(used <= count);
        must(used > 0 || result == HTTP_REFUSED);
        bytes += used;
        count -= used;
        if (result != HTTP_MORE)
            digest_number(fuzzed->digest, result);
        if (result == HTTP_HEAD_COMPLETE || result == HTTP_COMPLETE)
            http_fuzz_head(fuzzed);
        if (result == HTTP_MORE)
            must(count == 0);
        if (result == HTTP_REFUSED) {
            http_fuzz_refused(fuzzed);
            return false;
        }
        if (result == HTTP_COMPLETE) {
            must(fuzzed->request.body_count <= HTTP_BODY_BYTES_MAX && fuzzed->request.body);
            digest_number(fuzzed->digest, fuzzed->request.body_count);
            digest_bytes(fuzzed->digest, fuzzed->request.body, fuzzed->request.body_count);
            http_request_next(&fuzzed->request);
        }
    }
    return true;
}

static inline void http_fuzz_end(void *state)
{
    struct fuzzed_request *fuzzed = state;

    digest_number(fuzzed->digest, http_request_begun(&fuzzed->request));
    http_request_done(&fuzzed->request);
}

static inline void check_http(const uint8_t *data, size_t size)
{
    static const struct fed fed = {http_fuzz_begin, http_fuzz_feed, http_fuzz_end};
    struct fuzzed_request fuzzed;

    feed_all(&fed, &fuzzed, data, size);
}

#endif
