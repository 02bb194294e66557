/* test_http_limits.c - requests at their limits and one past them, and what memory a request
 * holds. */
#include "wire/http_reader.h"

/* A text that grows, for requests that no literal should hold. */
struct text {
    char *bytes;
    size_t count;
};

static void add(struct text *text, const char *bytes, size_t count)
{
    char *grown = realloc(text->bytes, text->count + count + 1);

    assert_non_null(grown);
    memcpy(grown + text->count, bytes, count);
    text->bytes = grown;
    text->count += count;
    text->bytes[text->count] = '\0';
}

static void add_text(struct text *text, const char *bytes)
{
    add(text, bytes, strlen(bytes));
}

static void add_times(struct text *text, char byte, size_t times)
{
    char *bytes = malloc(times + 1);

    assert_non_null(bytes);
    memset(bytes, byte, times);
    add(text, bytes, times);
    free(bytes);
}

/* Reads it in every way: asserts that the transcript ends with what is expected. */
static void assert_ends(const char *name, struct text *text, const char *expected)
{
    static struct transcript transcript;

    read_in_pieces(&http_reader, text->bytes, text->count, text->count, text->count, &transcript);
    if (transcript.count < strlen(expected) ||
        strcmp(transcript.text + transcript.count - strlen(expected), expected) != 0)
        fail_msg("%s: reads as\n%s\nexpected the end\n%s", name, transcript.text, expected);
    assert_reads_as(&http_reader, name, text->bytes, text->count, NULL);
    free(text->bytes);
    *text = (struct text){0};
}

/* A request line of so many bytes, CR LF included. */
static void add_request_line(struct text *text, size_t count)
{
    add_text(text, "GET /");
    add_times(text, 'a', count - strlen("GET / HTTP/1.1\r\n"));
    add_text(text, " HTTP/1.1\r\n");
}

TEST(request_line_at_its_limit_is_read_and_past_it_gets_414)
{
    struct text text = {0};

    add_request_line(&text, HTTP_LINE_BYTES_MAX);
    add_text(&text, "Host: a\r\n\r\n");
    assert_ends("at the limit", &text, "? 1.1 a\n");
    add_request_line(&text, HTTP_LINE_BYTES_MAX + 1);
    add_text(&text, "Host: a\r\n\r\n");
    assert_ends("one past", &text, "refused 414 the first line is too long\n");
    add_text(&text, "GET /");
    add_times(&text, 'a', HTTP_LINE_BYTES_MAX - 5);
    assert_ends("without an end, at the limit", &text, "cut\n");
    add_text(&text, "GET /");
    add_times(&text, 'a', HTTP_LINE_BYTES_MAX - 4);
    assert_ends("without an end, past it", &text, "refused 414 the first line is too long\n");
}

TEST(head_at_its_limit_is_read_and_past_it_gets_431)
{
    static const char start[] = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    const size_t filling = HTTP_HEAD_BYTES_MAX - strlen(start) - 4;
    struct text text = {0};

    add_text(&text, start);
    add_times(&text, 'x', filling);
    add_text(&text, "\r\n\r\n");
    assert_int_equal(text.count, HTTP_HEAD_BYTES_MAX);
    add_text(&text, start);
    assert_ends("at the limit", &text, "GET /? 1.1 a\ncut\n");
    add_text(&text, start);
    add_times(&text, 'x', filling + 1);
    add_text(&text, "\r\n\r\n");
    assert_ends("one past", &text, "refused 431 the head is too long\n");
    add_text(&text, start);
    add_times(&text, 'x', 4 * HTTP_HEAD_BYTES_MAX);
    assert_ends("without an end", &text, "refused 431 the head is too long\n");
}

TEST(headers_at_their_number_are_read_and_past_it_get_431)
{
    struct text text = {0};

    add_text(&text, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int index = 1; index < HTTP_HEADERS_MAX; index++)
        add_text(&text, "X:y\r\n");
    add_text(&text, "\r\n");
    assert_ends("at the limit", &text, "GET /? 1.1 a\n");
    add_text(&text, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int index = 1; index < HTTP_HEADERS_MAX + 1; index++)
        add_text(&text, "X:y\r\n");
    add_text(&text, "\r\n");
    assert_ends("one past", &text, "refused 431 too many headers\n");
}

TEST(body_at_its_limit_is_read_whole)
{
    struct http_request request;
    struct text text = {0};
    size_t used;

    add_text(&text, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n");
    http_request_init(&request);
    assert_int_equal(http_request_feed(&request, text.bytes, text.count, &used),
                     HTTP_HEAD_COMPLETE);
    text.count = 0;
    add_times(&text, '?', HTTP_BODY_BYTES_MAX);
    harness_fill(text.bytes, text.count, 7);
    for (size_t at = 0; at < HTTP_BODY_BYTES_MAX; at += 1 << 12) {
        const enum http_state state = http_request_feed(&request, text.bytes + at, 1 << 12, &used);

        assert_int_equal(used, 1 << 12);
        assert_int_equal(state, at + used < HTTP_BODY_BYTES_MAX ? HTTP_MORE : HTTP_COMPLETE);
    }
    assert_int_equal(request.body_count, HTTP_BODY_BYTES_MAX);
    assert_true(harness_filled(request.body, request.body_count, 7));
    http_request_done(&request);
    free(text.bytes);
}

TEST(chunks_adding_up_to_the_limit_are_read_and_past_it_get_413)
{
    struct text text = {0};

    add_text(&text, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int index = 0; index < 16; index++) {
        add_text(&text, "10000\r\n");
        add_times(&text, 'b', 0x10000);
        add_text(&text, "\r\n");
    }
    {
        struct text whole = {0};

        add(&whole, text.bytes, text.count);
        add_text(&whole, "0\r\n\r\nX");
        assert_ends("at the limit", &whole, "cut\n");
    }
    add_text(&text, "1\r\nb\r\n0\r\n\r\n");
    assert_ends("one past", &text, "refused 413 the body is too long\n");
}

TEST(chunk_extensions_and_trailers_are_bounded)
{
    struct text text = {0};

    add_text(&text, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int index = 0; index < 120; index++)
        add_text(&text, "1;extension\r\nb\r\n");
    assert_ends("extensions", &text, "refused 400 too long chunk extensions\n");
    add_text(&text, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
    for (int index = 0; index < 2000; index++)
        add_text(&text, "trailer: x\r\n");
    assert_ends("trailers", &text, "refused 431 the trailers are too long\n");
}

TEST(memory_follows_what_has_arrived_not_what_is_claimed)
{
    static const char head[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n";
    struct http_request request;
    size_t used;

    http_request_init(&request);
    assert_int_equal(http_request_feed(&request, head, sizeof head - 1, &used), HTTP_HEAD_COMPLETE);
    assert_int_equal(http_request_feed(&request, "b", 1, &used), HTTP_MORE);
    assert_true(request.body_room <= 1024);
    http_request_done(&request);
}

TEST(next_keeps_small_memory_and_frees_large)
{
    static const char small[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    struct http_request request;
    struct text text = {0};
    const char *kept;
    size_t used;

    http_request_init(&request);
    assert_int_equal(http_request_feed(&request, small, sizeof small - 1, &used),
                     HTTP_HEAD_COMPLETE);
    assert_int_equal(http_request_feed(&request, small + used, sizeof small - 1 - used, &used),
                     HTTP_COMPLETE);
    kept = request.body;
    http_request_next(&request);
    assert_ptr_equal(request.body_block, kept);
    add_text(&text, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
    assert_int_equal(http_request_feed(&request, text.bytes, text.count, &used),
                     HTTP_HEAD_COMPLETE);
    text.count = 0;
    add_times(&text, 'b', 100000);
    assert_int_equal(http_request_feed(&request, text.bytes, text.count, &used), HTTP_COMPLETE);
    http_request_next(&request);
    assert_null(request.body_block);
    http_request_done(&request);
    assert_null(request.parts);
    free(text.bytes);
}
