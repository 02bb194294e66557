/* test_response.c - responses as a client reads them. */
#include "wire/http_response.h"
#include "wire/pieces.h"

struct response_reading {
    struct http_response response;
    struct transcript *transcript;
    bool over;
};

static void noted_body(void *context, const char *bytes, size_t count)
{
    struct response_reading *reading = context;

    assert_true(count > 0);
    note_bytes(reading->transcript, bytes, count);
}

static void *begin_answer_to(bool head, struct transcript *transcript)
{
    struct response_reading *reading = calloc(1, sizeof *reading);

    assert_non_null(reading);
    reading->transcript = transcript;
    http_response_init(&reading->response, noted_body, reading, head);
    return reading;
}

static void *begin_get(struct transcript *transcript)
{
    return begin_answer_to(false, transcript);
}

static void *begin_head(struct transcript *transcript)
{
    return begin_answer_to(true, transcript);
}

static void note_state(struct response_reading *reading, enum http_state state)
{
    const struct http_response *response = &reading->response;

    switch (state) {
    case HTTP_MORE:
        break;
    case HTTP_HEAD_COMPLETE:
        note(reading->transcript, "%d%s%s|", response->status, response->keep_alive ? " keep" : "",
             response->until_close ? " until-close" : "");
        break;
    case HTTP_COMPLETE:
        note(reading->transcript, "|done\n");
        break;
    case HTTP_REFUSED:
        note(reading->transcript, "refused %s\n", response->reason);
        reading->over = true;
        break;
    }
}

static bool feed_response(void *state, const char *bytes, size_t count)
{
    struct response_reading *reading = state;
    enum http_state result = HTTP_MORE;

    while ((count > 0 || result == HTTP_HEAD_COMPLETE) && !reading->over) {
        size_t used;

        result = http_response_feed(&reading->response, bytes, count, &used);
        assert_true(used <= count);
        bytes += used;
        count -= used;
        note_state(reading, result);
        if (result == HTTP_COMPLETE) {
            assert_int_equal(http_response_feed(&reading->response, "x", 1, &used), HTTP_COMPLETE);
            assert_int_equal(used, 0);
            http_response_next(&reading->response, reading->response.to_head);
        }
    }
    return !reading->over;
}

static void end_response(void *state)
{
    struct response_reading *reading = state;

    if (!reading->over)
        note(reading->transcript, "%s",
             http_response_end(&reading->response) == HTTP_COMPLETE ? "|ended\n" : "cut\n");
    http_response_done(&reading->response);
    free(reading);
}

static const struct reader to_get = {begin_get, feed_response, end_response};
static const struct reader to_head = {begin_head, feed_response, end_response};

#define OK "HTTP/1.1 200 OK\r\n"

static const struct reading read_rows[] = {
    READING("length", OK "Content-Length: 2\r\n\r\nhi", "200 keep|hi|done\ncut\n"),
    READING("length_zero", OK "Content-Length: 0\r\n\r\n", "200 keep||done\ncut\n"),
    READING("until_close", OK "\r\nhi", "200 until-close|hi|ended\n"),
    READING("until_close_empty", OK "\r\n", "200 until-close||ended\n"),
    READING("close", OK "Connection: close\r\nContent-Length: 2\r\n\r\nhi", "200|hi|done\ncut\n"),
    READING("version_0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", "200|hi|done\ncut\n"),
    READING("no_content", "HTTP/1.1 204 No Content\r\n\r\n", "204 keep||done\ncut\n"),
    READING("not_modified_with_length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
            "304 keep||done\ncut\n"),
    READING("no_reason", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", "200 keep||done\ncut\n"),
    READING("interim_is_passed_over",
            HTTP_CONTINUE "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" OK
                          "Content-Length: 1\r\n\r\nx",
            "200 keep|x|done\ncut\n"),
    READING("two_in_a_row", OK "Content-Length: 1\r\n\r\nx" OK "Content-Length: 1\r\n\r\ny",
            "200 keep|x|done\n200 keep|y|done\ncut\n"),
    READING("chunks", OK "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n4\r\n you\r\n0\r\n\r\n",
            "200 keep|hi you|done\ncut\n"),
    READING("chunks_then_another",
            OK "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n" OK
               "Content-Length: 0\r\n\r\n",
            "200 keep|hi|done\n200 keep||done\ncut\n"),
    READING("chunks_without_end", OK "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
            "200 keep|hicut\n"),
    READING("length_cut", OK "Content-Length: 3\r\n\r\nhi", "200 keep|hicut\n"),
    READING("head_cut", OK "Content-Length: 3\r\n", "cut\n"),
    READING("nothing", "", "cut\n"),
};

TEST(response_is_read)
{
    ASSERT_ALL_READ(&to_get, read_rows);
}

static const struct reading head_rows[] = {
    READING("length_of_what_get_would_give", OK "Content-Length: 5\r\n\r\n",
            "200 keep||done\ncut\n"),
    READING("chunked_as_get_would", OK "Transfer-Encoding: chunked\r\n\r\n",
            "200 keep||done\ncut\n"),
    READING("without_length", OK "\r\n", "200 keep||done\ncut\n"),
};

TEST(response_to_head_has_no_body)
{
    ASSERT_ALL_READ(&to_head, head_rows);
}

static const struct reading refused_rows[] = {
    READING("other_protocol", "SSH-2.0-OpenSSH\r\n", "refused the answer is no HTTP/1.1\n"),
    READING("version_2", "HTTP/2.0 200 OK\r\n\r\n", "refused the answer is no HTTP/1.1\n"),
    READING("version_0_9", "hello\r\n", "refused the answer is no HTTP/1.1\n"),
    READING("empty_first_line", "\r\nHTTP/1.1 200 OK\r\n\r\n",
            "refused the answer is no HTTP/1.1\n"),
    READING("status_too_long", "HTTP/1.1 2000 OK\r\n\r\n", "refused the answer has a bad status\n"),
    READING("status_too_low", "HTTP/1.1 099 OK\r\n\r\n", "refused the answer has a bad status\n"),
    READING("status_too_high", "HTTP/1.1 600 OK\r\n\r\n", "refused the answer has a bad status\n"),
    READING("status_no_number", "HTTP/1.1 2x0 OK\r\n\r\n", "refused the answer has a bad status\n"),
    READING("switching", "HTTP/1.1 101 Switching Protocols\r\n\r\n",
            "refused the answer switches to a protocol that was not asked for\n"),
    READING("bare_lf", "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
            "refused an LF without CR in the head\n"),
    READING("length_twice", OK "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
            "refused Content-Length twice\n"),
    READING("length_and_coding", OK "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx",
            "refused Content-Length together with Transfer-Encoding\n"),
    READING("length_no_number", OK "Content-Length: x\r\n\r\n",
            "refused a Content-Length that is no number\n"),
    READING("coding_not_chunked", OK "Transfer-Encoding: gzip\r\n\r\n",
            "refused a Transfer-Encoding that does not end in one chunked\n"),
    READING("bad_chunk", OK "Transfer-Encoding: chunked\r\n\r\nx",
            "200 keep|refused a chunk without a size\n"),
};

TEST(response_in_doubt_is_refused)
{
    ASSERT_ALL_READ(&to_get, refused_rows);
}

TEST(response_with_interim_heads_without_end_is_refused)
{
    struct http_response response;
    enum http_state state = HTTP_MORE;
    size_t used;
    int heads = 0;

    http_response_init(&response, NULL, NULL, false);
    while (state == HTTP_MORE && heads++ < 100000)
        state = http_response_feed(&response, HTTP_CONTINUE, sizeof(HTTP_CONTINUE) - 1, &used);
    assert_int_equal(state, HTTP_REFUSED);
    assert_true(heads < HTTP_HEAD_BYTES_MAX);
    http_response_done(&response);
}

TEST(response_headers_are_found)
{
    static const char bytes[] = OK "Content-Type: text/event-stream\r\nContent-Length: 0\r\n\r\n";
    struct http_response response;
    size_t used;

    http_response_init(&response, NULL, NULL, false);
    assert_null(http_response_header(&response, "content-type"));
    assert_int_equal(http_response_feed(&response, bytes, sizeof bytes - 1, &used),
                     HTTP_HEAD_COMPLETE);
    assert_string_equal(http_response_header(&response, "content-type"), "text/event-stream");
    assert_null(http_response_header(&response, "location"));
    http_response_done(&response);
}

TEST(response_chunk_past_any_request_limit_is_read)
{
    static const char head[] = OK "Transfer-Encoding: chunked\r\n\r\n1000000\r\n";
    static char bytes[1 << 16];
    struct http_response response;
    size_t used;

    http_response_init(&response, NULL, NULL, false);
    assert_int_equal(http_response_feed(&response, head, sizeof head - 1, &used),
                     HTTP_HEAD_COMPLETE);
    assert_int_equal(http_response_feed(&response, head + used, sizeof head - 1 - used, &used),
                     HTTP_MORE);
    for (int index = 0; index < 256; index++)
        assert_int_equal(http_response_feed(&response, bytes, sizeof bytes, &used), HTTP_MORE);
    assert_int_equal(http_response_feed(&response, "\r\n0\r\n\r\n", 7, &used), HTTP_COMPLETE);
    http_response_done(&response);
}
