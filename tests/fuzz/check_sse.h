/* check_sse.h - event streams: decoded the same in pieces of any size; and what is encoded is
 * decoded again, whatever it is. */
#ifndef TESTS_FUZZ_CHECK_SSE_H
#define TESTS_FUZZ_CHECK_SSE_H

#include "check.h"
#include "wire/sse.h"

struct fuzzed_stream {
    struct sse_decoder decoder;
    struct digest *digest;
};

static inline void sse_fuzz_decoded(void *context, const struct sse_event *event)
{
    struct fuzzed_stream *fuzzed = context;

    must(event->data_count <= SSE_DATA_BYTES_MAX && event->data[event->data_count] == '\0');
    must(strlen(event->id) <= SSE_ID_BYTES_MAX && !strpbrk(event->id, "\r\n"));
    must(*event->name && !strpbrk(event->name, "\r\n"));
    must(!memchr(event->data, '\r', event->data_count));
    digest_text(fuzzed->digest, event->id);
    digest_text(fuzzed->digest, event->name);
    digest_bytes(fuzzed->digest, event->data, event->data_count + 1);
}

static inline void sse_fuzz_begin(void *state, struct digest *digest)
{
    struct fuzzed_stream *fuzzed = state;

    sse_decoder_init(&fuzzed->decoder, sse_fuzz_decoded, fuzzed);
    fuzzed->digest = digest;
}

static inline bool sse_fuzz_feed(void *state, const char *bytes, size_t count)
{
    struct fuzzed_stream *fuzzed = state;

    return sse_decoder_feed(&fuzzed->decoder, bytes, count) == 0;
}

static inline void sse_fuzz_end(void *state)
{
    struct fuzzed_stream *fuzzed = state;

    digest_number(fuzzed->digest, (uint64_t)fuzzed->decoder.error);
    digest_number(fuzzed->digest, fuzzed->decoder.has_retry);
    digest_number(fuzzed->digest, fuzzed->decoder.retry);
    digest_text(fuzzed->digest, fuzzed->decoder.last_id ? fuzzed->decoder.last_id : "none");
    sse_decoder_done(&fuzzed->decoder);
}

/* What an event becomes on the way: every line end an LF. */
struct expected_event {
    char *data;
    size_t count;
    int seen;
};

static inline void sse_fuzz_compare(void *context, const struct sse_event *event)
{
    struct expected_event *expected = context;

    must(expected->seen++ == 0);
    must(strcmp(event->id, "18446744073709551615") == 0 && strcmp(event->name, "fuzz") == 0);
    must(event->data_count == expected->count &&
         memcmp(event->data, expected->data, expected->count) == 0);
}

static inline void sse_fuzz_round_trip(const uint8_t *data, size_t size)
{
    const size_t encoded_size = sse_event_size(UINT64_MAX, "fuzz", data, size);
    struct expected_event expected = {.data = malloc(size + 1)};
    char *encoded = malloc(encoded_size);
    struct sse_decoder decoder;

    must(expected.data && encoded && size <= SSE_DATA_BYTES_MAX);
    for (size_t at = 0; at < size; at++) {
        if (data[at] == '\n' && at > 0 && data[at - 1] == '\r')
            continue;
        expected.data[expected.count++] = data[at] == '\r' ? '\n' : (char)data[at];
    }
    must(sse_event_encode(UINT64_MAX, "fuzz", data, size, encoded, encoded_size) ==
         (int64_t)encoded_size);
    sse_decoder_init(&decoder, sse_fuzz_compare, &expected);
    must(sse_decoder_feed(&decoder, encoded, encoded_size) == 0);
    must(expected.seen == 1);
    sse_decoder_done(&decoder);
    free(encoded);
    free(expected.data);
}

static inline void check_sse(const uint8_t *data, size_t size)
{
    static const struct fed fed = {sse_fuzz_begin, sse_fuzz_feed, sse_fuzz_end};
    struct fuzzed_stream fuzzed;

    feed_all(&fed, &fuzzed, data, size);
    sse_fuzz_round_trip(data, size);
}

#endif
