/* test_memory.c - each allocation of the parsers is refused in turn: what comes is the error that
 * was promised, and nothing is left. */
#include "fault/memory.h"
#include "wire/http_response.h"
#include "wire/lines.h"
#include "wire/pieces.h"
#include "wire/sse.h"

#include <errno.h>

/* Runs a scenario with the nth allocation refused, n = 1, 2, ..., until one asks for less than n. A
 * scenario gives 0 if it came to its end, or the error. */
static void refuse_each(int (*scenario)(void))
{
    for (unsigned long number = 1; number < 1000; number++) {
        long before = memory_alive();
        memory_begin(number, false);
        int result = scenario();
        memory_end();
        assert_int_equal(memory_alive(), before);
        if (memory_refused() == 0) {
            assert_int_equal(result, 0);
            assert_true(number > 1);
            return;
        }
        assert_int_equal(result, -ENOMEM);
    }
    fail_msg("no end");
}

static char big[40000];

static int feed_request(struct http_request *request, const char *bytes, size_t count)
{
    while (count > 0) {
        size_t used;
        const enum http_state state = http_request_feed(request, bytes, count, &used);

        bytes += used;
        count -= used;
        if (state == HTTP_REFUSED)
            return request->status == 503 ? -ENOMEM : -EBADMSG;
        if (state == HTTP_COMPLETE)
            http_request_next(request);
    }
    return 0;
}

static int requests(void)
{
    static const char length[] = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\n\r\n";
    static const char chunks[] =
        "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n9c40\r\n";
    struct http_request request;
    int error;

    http_request_init(&request);
    error = feed_request(&request, length, sizeof length - 1);
    for (size_t at = 0; error == 0 && at < sizeof big; at += 1000)
        error = feed_request(&request, big + at, 1000);
    http_request_done(&request);
    if (error == 0)
        error = feed_request(&request, chunks, sizeof chunks - 1);
    for (size_t at = 0; error == 0 && at < sizeof big; at += 1000)
        error = feed_request(&request, big + at, 1000);
    if (error == 0)
        error = feed_request(&request, "\r\n0\r\n\r\n", 7);
    assert_false(error == 0 && http_request_begun(&request));
    http_request_done(&request);
    return error;
}

TEST(request_without_memory_gets_503_and_leaves_nothing)
{
    refuse_each(requests);
}

static int responses(void)
{
    static const char bytes[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    struct http_response response;
    enum http_state state = HTTP_MORE;
    size_t used;
    bool no_memory;

    http_response_init(&response, NULL, NULL, false);
    for (size_t at = 0; at + 1 < sizeof bytes && state != HTTP_REFUSED; at++)
        state = http_response_feed(&response, bytes + at, 1, &used);
    no_memory = state == HTTP_REFUSED && strcmp(response.reason, "out of memory") == 0;
    http_response_done(&response);
    return no_memory ? -ENOMEM : state == HTTP_COMPLETE ? 0 : -EBADMSG;
}

TEST(response_without_memory_says_so_and_leaves_nothing)
{
    refuse_each(responses);
}

static void drop_event(void *context, const struct sse_event *event)
{
    *(size_t *)context += event->data_count;
}

static int events(void)
{
    static const char head[] = "id: 5\nevent: x\ndata: a\n\nid: 6\ndata: ";
    struct sse_decoder decoder;
    size_t total = 0;
    int error;

    sse_decoder_init(&decoder, drop_event, &total);
    error = sse_decoder_feed(&decoder, head, sizeof head - 1);
    for (size_t at = 0; error == 0 && at < sizeof big; at += 1000)
        error = sse_decoder_feed(&decoder, big + at, 1000);
    if (error == 0)
        error = sse_decoder_feed(&decoder, "\n\n", 2);
    assert_true(error || total == sizeof big + 1);
    sse_decoder_done(&decoder);
    return error;
}

TEST(decoder_without_memory_gives_enomem_and_leaves_nothing)
{
    memset(big, 'b', sizeof big);
    refuse_each(events);
}

static int lines(void)
{
    struct lines_splitter splitter;
    const char *line;
    size_t line_count;
    int result = 0;

    lines_splitter_init(&splitter, sizeof big);
    for (size_t at = 0; result == 0 && at < sizeof big; at += 1000) {
        const char *bytes = big + at;
        size_t count = 1000;

        result = lines_splitter_next(&splitter, &bytes, &count, &line, &line_count);
    }
    if (result == 0) {
        const char *bytes = "\n";
        size_t count = 1;

        result = lines_splitter_next(&splitter, &bytes, &count, &line, &line_count);
        assert_true(result < 0 || (result == 1 && line_count == sizeof big));
    }
    lines_splitter_done(&splitter);
    return result == 1 ? 0 : result;
}

TEST(splitter_without_memory_gives_enomem_and_leaves_nothing)
{
    memset(big, 'b', sizeof big);
    refuse_each(lines);
}
