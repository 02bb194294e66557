/* check_response.h - responses: the same in pieces of any size, as the answer to a GET and to a
 * HEAD. */
#ifndef TESTS_FUZZ_CHECK_RESPONSE_H
#define TESTS_FUZZ_CHECK_RESPONSE_H

#include "check.h"
#include "wire/http_response.h"

struct fuzzed_response {
    struct http_response response;
    struct digest *digest;
    bool to_head;
};

static inline void response_fuzz_body(void *context, const char *bytes, size_t count)
{
    struct fuzzed_response *fuzzed = context;

    must(!fuzzed->to_head && count > 0);
    digest_bytes(fuzzed->digest, bytes, count);
}

static inline void response_fuzz_begin(void *state, struct digest *digest)
{
    struct fuzzed_response *fuzzed = state;

    http_response_init(&fuzzed->response, response_fuzz_body, fuzzed, fuzzed->to_head);
    fuzzed->digest = digest;
}

static inline void response_fuzz_state(struct fuzzed_response *fuzzed, enum http_state result)
{
    const struct http_response *response = &fuzzed->response;
    const char *type;

    if (result != HTTP_MORE)
        digest_number(fuzzed->digest, result);
    if (result == HTTP_HEAD_COMPLETE) {
        type = http_response_header(response, "content-type");
        must(response->status >= 200 && response->status <= 599);
        must(!(response->keep_alive && response->until_close));
        digest_number(fuzzed->digest, (uint64_t)response->status);
        digest_number(fuzzed->digest, response->keep_alive);
        digest_text(fuzzed->digest, type ? type : "none");
    }
    if (result == HTTP_REFUSED) {
        must(response->reason && *response->reason);
        digest_text(fuzzed->digest, response->reason);
    }
    if (result == HTTP_COMPLETE)
        http_response_next(&fuzzed->response, fuzzed->to_head);
}

static inline bool response_fuzz_feed(void *state, const char *bytes, size_t count)
{
    struct fuzzed_response *fuzzed = state;
    enum http_state result = HTTP_MORE;

    while (count > 0 || result == HTTP_HEAD_COMPLETE) {
        const size_t before = count;
        size_t used;

        result = http_response_feed(&fuzzed->response, bytes, count, &used);
        must(used <= count);
        bytes += used;
        count -= used;
        must(result != HTTP_MORE || count == 0);
        must(used > 0 || before == 0 || result != HTTP_MORE);
        response_fuzz_state(fuzzed, result);
        if (result == HTTP_REFUSED)
            return false;
    }
    return true;
}

static inline void response_fuzz_end(void *state)
{
    struct fuzzed_response *fuzzed = state;

    digest_number(fuzzed->digest, http_response_end(&fuzzed->response));
    http_response_done(&fuzzed->response);
}

static inline void check_response(const uint8_t *data, size_t size)
{
    static const struct fed fed = {response_fuzz_begin, response_fuzz_feed, response_fuzz_end};
    struct fuzzed_response fuzzed = {.to_head = false};

    feed_all(&fed, &fuzzed, data, size);
    fuzzed.to_head = true;
    feed_all(&fed, &fuzzed, data, size);
}

#endif
