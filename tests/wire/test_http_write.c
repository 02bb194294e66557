/* test_http_write.c - heads as they are written: read again by our own readers, and within their
 * room. */
#include "wire/http_reader.h"
#include "wire/http_response.h"

#include <errno.h>

TEST(head_with_everything_is_written)
{
    char bytes[512];
    const struct http_head head = {
        .status = 405,
        .length = 3,
        .keep_alive = true,
        .content_type = "text/plain",
        .date = "Sun, 06 Nov 1994 08:49:37 GMT",
        .lines = (const struct http_line[]){{"Allow", "GET, HEAD"}, {0}},
    };
    const char expected[] = "HTTP/1.1 405 Method Not Allowed\r\nDate: Sun, 06 Nov 1994 08:49:37 "
                            "GMT\r\nContent-Type: text/plain\r\n"
                            "Content-Length: 3\r\nX-Content-Type-Options: nosniff\r\nConnection: "
                            "keep-alive\r\nAllow: GET, HEAD\r\n\r\n";

    assert_result(http_head_write(&head, bytes, sizeof bytes), sizeof expected - 1);
    assert_memory_equal(bytes, expected, sizeof expected - 1);
}

TEST(head_in_each_room_is_written_whole_or_refused)
{
    const struct http_head head = {
        .status = 200, .length = HTTP_LENGTH_CHUNKED, .content_type = "text/event-stream"};
    const char expected[] =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: "
        "chunked\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n";
    const size_t size = sizeof expected - 1;

    for (size_t room = 0; room <= size + 1; room++) {
        char *bytes = malloc(room + 1);

        assert_non_null(bytes);
        bytes[room] = 'z';
        assert_result(http_head_write(&head, bytes, room), room < size ? -ENOSPC : (int64_t)size);
        assert_int_equal(bytes[room], 'z');
        if (room >= size)
            assert_memory_equal(bytes, expected, size);
        free(bytes);
    }
}

TEST(head_lengths_are_written_as_asked)
{
    static const struct {
        int status;
        int64_t length;
        const char *expected;
    } rows[] = {
        {200, 0,
         "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Content-Type-Options: nosniff\r\nConnection: "
         "close\r\n\r\n"},
        {200, INT64_MAX,
         "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\nX-Content-Type-Options: "
         "nosniff\r\nConnection: "
         "close\r\n\r\n"},
        {200, HTTP_LENGTH_UNTIL_CLOSE,
         "HTTP/1.1 200 OK\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"},
        {204, HTTP_LENGTH_NONE,
         "HTTP/1.1 204 No Content\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"},
        {100, HTTP_LENGTH_NONE, HTTP_CONTINUE},
        {599, HTTP_LENGTH_NONE,
         "HTTP/1.1 599 Status\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"},
    };

    for (size_t at = 0; at < sizeof rows / sizeof rows[0]; at++) {
        const struct http_head head = {.status = rows[at].status, .length = rows[at].length};
        char bytes[256] = "";

        assert_result(http_head_write(&head, bytes, sizeof bytes),
                      (int64_t)strlen(rows[at].expected));
        assert_string_equal(bytes, rows[at].expected);
    }
}

TEST(head_with_line_ends_in_values_is_refused)
{
    const struct http_head rows[] = {
        {.status = 200, .content_type = "a\r\nX: y"},
        {.status = 200, .content_type = "a\n"},
        {.status = 200, .date = "a\r"},
        {.status = 200, .lines = (const struct http_line[]){{"A", "b"}, {"A", "b\n"}, {0}}},
        {.status = 200, .lines = (const struct http_line[]){{"A", "b\r\nB: c"}, {0}}},
        {.status = 99},
        {.status = 600},
        {.status = -1},
    };
    char bytes[512];

    for (size_t at = 0; at < sizeof rows / sizeof rows[0]; at++)
        assert_result(http_head_write(&rows[at], bytes, sizeof bytes), -EINVAL);
}

TEST(request_head_is_read_as_it_was_written)
{
    const struct http_request_head head = {
        .method = "POST",
        .target = "/streams/a?after=5",
        .host = "[::1]:12345",
        .length = 3,
        .lines = (const struct http_line[]){{"Last-Event-ID", "7"}, {0}}};
    struct http_request request;
    char bytes[512];
    size_t used;
    const int64_t count = http_request_head_write(&head, bytes, sizeof bytes);

    assert_true(count > 0);
    http_request_init(&request);
    assert_int_equal(http_request_feed(&request, bytes, (size_t)count, &used), HTTP_HEAD_COMPLETE);
    assert_int_equal(used, count);
    assert_int_equal(request.method, HTTP_METHOD_POST);
    assert_string_equal(request.path, "/streams/a");
    assert_string_equal(request.query, "after=5");
    assert_string_equal(request.host, "[::1]:12345");
    assert_string_equal(http_request_header(&request, "last-event-id"), "7");
    assert_true(request.keep_alive);
    assert_int_equal(http_request_feed(&request, "abc", 3, &used), HTTP_COMPLETE);
    http_request_done(&request);
}

TEST(request_head_with_blanks_or_line_ends_is_refused)
{
    static const struct http_request_head rows[] = {
        {"GET ", "/", "a", HTTP_LENGTH_NONE, NULL},
        {"", "/", "a", HTTP_LENGTH_NONE, NULL},
        {"GET", "/ x", "a", HTTP_LENGTH_NONE, NULL},
        {"GET", "", "a", HTTP_LENGTH_NONE, NULL},
        {"GET", "/\r\nX: y", "a", HTTP_LENGTH_NONE, NULL},
        {"GET", "/", "a\r\nX: y", HTTP_LENGTH_NONE, NULL},
        {"GET", "/", "", HTTP_LENGTH_NONE, NULL},
    };
    char bytes[512];

    for (size_t at = 0; at < sizeof rows / sizeof rows[0]; at++)
        assert_result(http_request_head_write(&rows[at], bytes, sizeof bytes), -EINVAL);
}

TEST(chunk_heads_are_written_in_hexadecimal)
{
    static const struct {
        size_t count;
        const char *expected;
    } rows[] = {{1, "1\r\n"},
                {15, "f\r\n"},
                {16, "10\r\n"},
                {0x100000, "100000\r\n"},
                {SIZE_MAX, "ffffffffffffffff\r\n"}};

    for (size_t at = 0; at < sizeof rows / sizeof rows[0]; at++) {
        char bytes[HTTP_CHUNK_HEAD_MAX];

        assert_int_equal(http_chunk_head_write(rows[at].count, bytes), strlen(rows[at].expected));
        assert_memory_equal(bytes, rows[at].expected, strlen(rows[at].expected));
    }
}

TEST(dates_are_written_as_http_wants_them)
{
    static const struct {
        int64_t seconds;
        const char *expected;
    } rows[] = {
        {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
        {951782399, "Mon, 28 Feb 2000 23:59:59 GMT"},
        {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
        {1798761599, "Thu, 31 Dec 2026 23:59:59 GMT"},
        {253402300799, "Fri, 31 Dec 9999 23:59:59 GMT"},
    };

    for (size_t at = 0; at < sizeof rows / sizeof rows[0]; at++) {
        char text[HTTP_DATE_BYTES];

        assert_string_equal(http_date(rows[at].seconds, text), rows[at].expected);
    }
}
