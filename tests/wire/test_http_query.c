/* test_http_query.c - what a server asks of a request: values out of the query, and what the client
 * accepts. */
#include "wire/http_reader.h"

#include <errno.h>

/* A request, read. */
static struct http_request read_request(const char *target, const char *fields)
{
    struct http_request request;
    char bytes[1024];
    size_t used;
    const int count =
        snprintf(bytes, sizeof bytes, "GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n", target, fields);

    http_request_init(&request);
    assert_int_equal(http_request_feed(&request, bytes, (size_t)count, &used), HTTP_COMPLETE);
    return request;
}

TEST(query_value_is_found_decoded_and_single)
{
    static const struct {
        const char *query;
        int result;
        const char *value;
    } rows[] = {
        {"after=5", 0, "5"},
        {"a=1&after=5&b=2", 0, "5"},
        {"after=", 0, ""},
        {"after", 0, ""},
        {"&&after=5&", 0, "5"},
        {"after=a=b", 0, "a=b"},
        {"after=%35+x", 0, "5 x"},
        {"%61fter=5", 0, "5"},
        {"after=1234567", 0, "1234567"},
        {"after=12345678", -EINVAL, ""},
        {"", -ENOENT, ""},
        {"afte=5", -ENOENT, ""},
        {"after2=5", -ENOENT, ""},
        {"After=5", -ENOENT, ""},
        {"x=after=5", -ENOENT, ""},
        {"after=5&after=5", -EINVAL, ""},
        {"after&after=5", -EINVAL, ""},
        {"after=5&%61fter=6", -EINVAL, ""},
        {"after=%3", -EINVAL, ""},
        {"after=%3g", -EINVAL, ""},
        {"after=%00", -EINVAL, ""},
        {"after=5%0a", -EINVAL, ""},
        {"%zz=1&after=5", -EINVAL, ""},
    };

    for (size_t at = 0; at < sizeof rows / sizeof rows[0]; at++) {
        struct http_request request;
        char target[64];
        char value[8] = "";

        snprintf(target, sizeof target, "/a?%s", rows[at].query);
        request = read_request(target, "");
        if (http_request_query(&request, "after", value, sizeof value) != rows[at].result)
            fail_msg("%s", rows[at].query);
        if (rows[at].result == 0)
            assert_string_equal(value, rows[at].value);
        http_request_done(&request);
    }
}

TEST(query_of_a_target_without_one_is_empty)
{
    struct http_request request = read_request("/a", "");
    char value[8];

    assert_string_equal(request.query, "");
    assert_int_equal(http_request_query(&request, "after", value, sizeof value), -ENOENT);
    http_request_done(&request);
}

TEST(accept_tells_named_from_wildcard_from_refused)
{
    static const struct {
        const char *fields;
        enum http_accept result;
    } rows[] = {
        {"", HTTP_ACCEPT_WILDCARD},
        {"Accept: */*\r\n", HTTP_ACCEPT_WILDCARD},
        {"Accept: text/*\r\n", HTTP_ACCEPT_WILDCARD},
        {"Accept: text/event-stream\r\n", HTTP_ACCEPT_NAMED},
        {"Accept: Text/Event-Stream\r\n", HTTP_ACCEPT_NAMED},
        {"Accept: text/html, text/event-stream;q=0.5, */*\r\n", HTTP_ACCEPT_NAMED},
        {"Accept: text/html\r\nAccept: text/event-stream ; q=1\r\n", HTTP_ACCEPT_NAMED},
        {"Accept: text/event-stream;q=0.001\r\n", HTTP_ACCEPT_NAMED},
        {"Accept: text/html\r\n", HTTP_ACCEPT_NO},
        {"Accept: text/event-streams\r\n", HTTP_ACCEPT_NO},
        {"Accept: audio/*\r\n", HTTP_ACCEPT_NO},
        {"Accept: text/event-stream;q=0\r\n", HTTP_ACCEPT_NO},
        {"Accept: text/event-stream; Q=0.000, */*\r\n", HTTP_ACCEPT_NO},
        {"Accept: text/event-stream;a=b;q=0., */*;q=1\r\n", HTTP_ACCEPT_NO},
        {"Accept: */*;q=0\r\n", HTTP_ACCEPT_NO},
        {"Accept: text/*;q=0, */*\r\n", HTTP_ACCEPT_NO},
        {"Accept: text/event-stream, text/event-stream;q=0\r\n", HTTP_ACCEPT_NAMED},
        {"Accept:\r\n", HTTP_ACCEPT_NO},
    };

    for (size_t at = 0; at < sizeof rows / sizeof rows[0]; at++) {
        struct http_request request = read_request("/", rows[at].fields);

        if (http_request_accepts(&request, "text/event-stream") != rows[at].result)
            fail_msg("%s", rows[at].fields);
        http_request_done(&request);
    }
}
