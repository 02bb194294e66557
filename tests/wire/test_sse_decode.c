/* test_sse_decode.c - event streams as a client sees them, by the rules of WHATWG HTML 9.2.6. */
#include "wire/pieces.h"
#include "wire/sse.h"

#include <errno.h>

struct decoding {
    struct sse_decoder decoder;
    struct transcript *transcript;
};

static void noted(void *context, const struct sse_event *event)
{
    struct decoding *decoding = context;

    assert_int_equal(event->data[event->data_count], '\0');
    note(decoding->transcript, "[%s|", event->id);
    note_bytes(decoding->transcript, event->name, strlen(event->name));
    note(decoding->transcript, "|");
    note_bytes(decoding->transcript, event->data, event->data_count);
    note(decoding->transcript, "]");
}

static void *begin(struct transcript *transcript)
{
    struct decoding *decoding = calloc(1, sizeof *decoding);

    assert_non_null(decoding);
    decoding->transcript = transcript;
    sse_decoder_init(&decoding->decoder, noted, decoding);
    return decoding;
}

static bool feed(void *state, const char *bytes, size_t count)
{
    struct decoding *decoding = state;
    const int error = sse_decoder_feed(&decoding->decoder, bytes, count);

    if (error)
        note(decoding->transcript, "%s", hark_error_name(error));
    return error == 0;
}

static void end(void *state)
{
    struct decoding *decoding = state;

    if (decoding->decoder.has_retry)
        note(decoding->transcript, "retry=%llu", (unsigned long long)decoding->decoder.retry);
    if (decoding->decoder.last_id)
        note(decoding->transcript, "last=%s", decoding->decoder.last_id);
    sse_decoder_done(&decoding->decoder);
    free(decoding);
}

static const struct reader stream = {begin, feed, end};

static const struct reading rows[] = {
    READING("nothing", "", ""),
    READING("one", "data: a\n\n", "[|message|a]"),
    READING("cr_ends_lines", "data: a\r\rdata: b\r\r", "[|message|a][|message|b]"),
    READING("cr_lf_ends_lines", "data: a\r\n\r\ndata: b\r\n\r\n", "[|message|a][|message|b]"),
    READING("mixed_line_ends", "data: a\r\ndata: b\rdata: c\n\n", "[|message|a<0a>b<0a>c]"),
    READING("lf_cr_is_two_ends", "data: a\n\rdata: b\n\n", "[|message|a][|message|b]"),
    READING("lines_are_joined", "data: a\ndata\ndata:\ndata: b\n\n", "[|message|a<0a><0a><0a>b]"),
    READING("empty_data_is_an_event", "data\n\n", "[|message|]"),
    READING("two_empty_lines_of_data", "data\ndata\n\n", "[|message|<0a>]"),
    READING("no_data_no_event", "event: x\n\n\n\n", ""),
    READING("one_blank_is_dropped", "data:a\n\ndata: a\n\ndata:  a\n\ndata:\ta\n\n",
            "[|message|a][|message|a][|message| a][|message|<09>a]"),
    READING("comments_are_dropped", ":\n: x\n:data: x\ndata: a\n:\n\n", "[|message|a]"),
    READING("heartbeats", SSE_HEARTBEAT SSE_HEARTBEAT "data: a\n\n" SSE_HEARTBEAT, "[|message|a]"),
    READING("heartbeat_inside_an_event_splits_it", "data: a\n:\ndata: b\n\n", "[|message|a<0a>b]"),
    READING("unknown_fields_are_dropped", "dat: x\ndata2: x\n data: x\nDATA: x\nx\ndata: a\n\n",
            "[|message|a]"),
    READING("colon_in_value", "data: a: b\n\n", "[|message|a: b]"),
    READING("name", "event: note\ndata: a\n\ndata: b\n\n", "[|note|a][|message|b]"),
    READING("last_name_counts", "event: x\nevent: y\ndata: a\n\n", "[|y|a]"),
    READING("empty_name", "event: x\nevent\ndata: a\n\n", "[|message|a]"),
    READING("id_stays", "id: 5\ndata: a\n\ndata: b\n\n", "[5|message|a][5|message|b]last=5"),
    READING("id_without_data_counts", "id: 5\n\ndata: a\n\n", "[5|message|a]last=5"),
    READING("id_of_a_half_event_does_not_count", "id: 5\ndata: a\n\nid: 6\ndata: b\n",
            "[5|message|a]last=5"),
    READING("empty_id_resets", "id: 5\ndata: a\n\nid\ndata: b\n\n",
            "[5|message|a][|message|b]last="),
    READING("id_with_nul_is_dropped", "id: 5\ndata: a\n\nid: 6\0\ndata: b\n\n",
            "[5|message|a][5|message|b]last=5"),
    READING("retry", "retry: 1500\n\n", "retry=1500"),
    READING("retry_no_digits",
            "retry: 15x\nretry: -1\nretry:\nretry\nretry: 99999999999999999999\n\n", ""),
    READING("half_event_is_dropped", "data: a\n\ndata: b\n", "[|message|a]"),
    READING("half_line_is_dropped", "data: a\n\ndata: b", "[|message|a]"),
    READING("mark",
            "\xef\xbb\xbf"
            "data: a\n\n",
            "[|message|a]"),
    READING("mark_alone", "\xef\xbb\xbf", ""),
    READING("mark_twice",
            "\xef\xbb\xbf\xef\xbb\xbf"
            "data: a\n\ndata: b\n\n",
            "[|message|b]"),
    READING("half_a_mark_is_a_line",
            "\xef\xbb"
            "data: a\n\ndata: b\n\n",
            "[|message|b]"),
    READING("mark_later_is_a_line",
            "data: a\n\n\xef\xbb\xbf"
            "data: b\n\n",
            "[|message|a]"),
    READING("nul_and_other_bytes_in_data", "data: \0\x01\xff\n\n", "[|message|<00><01><ff>]"),
    READING("gap", "event: gap\ndata: {\"after\":\"1\",\"first\":\"9\"}\n\n",
            "[|gap|{\"after\":\"1\",\"first\":\"9\"}]"),
};

TEST(stream_is_decoded_as_the_standard_says)
{
    ASSERT_ALL_READ(&stream, rows);
}

TEST(encoded_events_are_decoded_again)
{
    static const char *const events[] = {"",   "a",  "\n", "a\nb",    "\n\n\n",
                                         " a", "a ", ":",  "data: x", "a\n\nb\n"};
    static struct transcript expected;
    char bytes[2048];
    size_t count = 0;

    expected.count = 0;
    for (size_t at = 0; at < sizeof events / sizeof events[0]; at++) {
        const int64_t added =
            sse_event_encode(at + 1, at % 2 ? "odd" : NULL, events[at], strlen(events[at]),
                             bytes + count, sizeof bytes - count);

        assert_true(added > 0);
        count += (size_t)added;
        note(&expected, "[%zu|%s|", at + 1, at % 2 ? "odd" : "message");
        note_bytes(&expected, events[at], strlen(events[at]));
        note(&expected, "]");
    }
    note(&expected, "last=%zu", sizeof events / sizeof events[0]);
    assert_reads_as(&stream, "events", bytes, count, expected.text);
}

/* A stream of `before`, so many times a byte, `after`. */
static char *filled(const char *before, char byte, size_t times, const char *after,
                    size_t *out_count)
{
    char *bytes = malloc(strlen(before) + times + strlen(after) + 1);

    assert_non_null(bytes);
    memcpy(bytes, before, strlen(before));
    memset(bytes + strlen(before), byte, times);
    memcpy(bytes + strlen(before) + times, after, strlen(after) + 1);
    *out_count = strlen(before) + times + strlen(after);
    return bytes;
}

static void assert_filled_reads_as(const char *before, size_t times, const char *after,
                                   const char *expected)
{
    size_t count;
    char *bytes = filled(before, 'a', times, after, &count);

    assert_reads_as(&stream, before, bytes, count, expected);
    free(bytes);
}

TEST(decoder_refuses_what_is_past_its_limits)
{
    assert_filled_reads_as("data: ", SSE_DATA_BYTES_MAX + 1, "\n\n", "EMSGSIZE");
    assert_filled_reads_as("data: ", 2 * SSE_DATA_BYTES_MAX, "", "EMSGSIZE");
    assert_filled_reads_as(":", 2 * SSE_DATA_BYTES_MAX, "", "EMSGSIZE");
    assert_filled_reads_as("data: x\n\ndata: b\ndata: ", SSE_DATA_BYTES_MAX, "\n\n",
                           "[|message|x]EMSGSIZE");
    assert_filled_reads_as("id: ", SSE_ID_BYTES_MAX + 1, "\n\n", "EMSGSIZE");
    assert_filled_reads_as("event: ", SSE_ID_BYTES_MAX + 1, "\n\n", "EMSGSIZE");
    assert_filled_reads_as("retry: 1\nx: ", SSE_ID_BYTES_MAX + 1, "\n\n", "retry=1");
}

static void count_bytes(void *context, const struct sse_event *event)
{
    *(size_t *)context += event->data_count;
}

TEST(decoder_takes_an_event_at_its_limit)
{
    struct sse_decoder decoder;
    size_t total = 0;
    size_t count;
    char *bytes = filled("data: ", 'a', SSE_DATA_BYTES_MAX, "\n\n", &count);

    sse_decoder_init(&decoder, count_bytes, &total);
    assert_int_equal(sse_decoder_feed(&decoder, bytes, count), 0);
    assert_int_equal(total, SSE_DATA_BYTES_MAX);
    sse_decoder_done(&decoder);
    free(bytes);
}

TEST(decoder_error_stays_until_restart)
{
    struct sse_decoder decoder;
    size_t total = 0;
    size_t count;
    char *bytes = filled("id: 7\ndata: a\n\nid: ", 'a', SSE_ID_BYTES_MAX + 1, "\n", &count);

    sse_decoder_init(&decoder, count_bytes, &total);
    assert_int_equal(sse_decoder_feed(&decoder, bytes, count), -EMSGSIZE);
    assert_int_equal(sse_decoder_feed(&decoder, "data: a\n\n", 9), -EMSGSIZE);
    assert_int_equal(total, 1);
    sse_decoder_restart(&decoder);
    assert_int_equal(sse_decoder_feed(&decoder, "data: a\n\n", 9), 0);
    assert_int_equal(total, 2);
    assert_string_equal(decoder.last_id, "7");
    sse_decoder_done(&decoder);
    assert_null(decoder.last_id);
    free(bytes);
}

TEST(restart_drops_the_half_event_and_keeps_the_id)
{
    static const char bytes[] = "id: 5\ndata: a\n\nid: 6\nevent: x\ndata: b\ndata: c\r";
    static struct transcript transcript;
    struct decoding decoding = {.transcript = &transcript};

    transcript.count = 0;
    sse_decoder_init(&decoding.decoder, noted, &decoding);
    assert_int_equal(sse_decoder_feed(&decoding.decoder, bytes, sizeof bytes - 1), 0);
    sse_decoder_restart(&decoding.decoder);
    assert_string_equal(decoding.decoder.last_id, "5");
    assert_int_equal(sse_decoder_feed(&decoding.decoder, "\ndata: d\n\n", 10), 0);
    assert_string_equal(transcript.text, "[5|message|a][5|message|d]");
    sse_decoder_done(&decoding.decoder);
}
