/* test_http_accepted.c - requests that are read: what a server sees of them, however the bytes come
 * in pieces. */
#include "wire/http_reader.h"

static const struct reading plain[] = {
    READING("get", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /? 1.1 a\n"),
    READING("head", "HEAD /streams/x HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD /streams/x? 1.1 a\n"),
    READING("options_of_all", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS *? 1.1 a\n"),
    READING("put", "PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi",
            "PUT /a? 1.1 a follows |PUT /a? 1.1 a body=hi\n"),
    READING("delete", "DELETE /a HTTP/1.1\r\nHost: a\r\n\r\n", "DELETE /a? 1.1 a\n"),
    READING("patch", "PATCH /a HTTP/1.1\r\nHost: a\r\n\r\n", "PATCH /a? 1.1 a\n"),
    READING("post_without_length", "POST /a HTTP/1.1\r\nHost: a\r\n\r\n", "POST /a? 1.1 a\n"),
    READING("one_empty_line_before", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /? 1.1 a\n"),
    READING("query", "GET /s/a?after=5&x=%20[{|}]? HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /s/a?after=5&x=%20[{|}]? 1.1 a\n"),
    READING("empty_query", "GET /a? HTTP/1.1\r\nHost: a\r\n\r\n", "GET /a? 1.1 a\n"),
    READING("escapes", "GET /%61%2Db%c3%a4%20 HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /a-b<c3><a4> ? 1.1 a\n"),
    READING("escaped_percent_stays_one", "GET /%2541 HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /%41? 1.1 a\n"),
    READING("dots_are_not_normalised", "GET /a/../b//c HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /a/../b//c? 1.1 a\n"),
    READING("absolute_target", "GET http://A:80/x?y HTTP/1.1\r\nHost: a:80\r\n\r\n",
            "GET /x?y 1.1 A:80\n"),
    READING("absolute_target_without_path", "GET http://a HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /? 1.1 a\n"),
    READING("absolute_target_goes_before_host", "GET http://bb:80/x HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /x? 1.1 bb:80\n"),
    READING("absolute_target_goes_before_an_equal_host",
            "GET http://a:80?y HTTP/1.1\r\nHost: a\r\n\r\n", "GET /?y 1.1 a:80\n"),
    READING("absolute_target_in_http_1_0", "GET http://a HTTP/1.0\r\n\r\n", "GET /? 1.0 a close\n"),
    READING("absolute_target_query_alone", "GET http://a?b HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /?b 1.1 a\n"),
    READING("host_with_port", "GET / HTTP/1.1\r\nHost: localhost:12345\r\n\r\n",
            "GET /? 1.1 localhost:12345\n"),
    READING("host_ip6", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "GET /? 1.1 [::1]:80\n"),
    READING("host_without_blank", "GET / HTTP/1.1\r\nHost:a\r\n\r\n", "GET /? 1.1 a\n"),
    READING("host_between_blanks", "GET / HTTP/1.1\r\nhOST: \t a \t\r\n\r\n", "GET /? 1.1 a\n"),
    READING("empty_header_value", "GET / HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n", "GET /? 1.1 a\n"),
    READING("bytes_above_ascii_in_a_value", "GET / HTTP/1.1\r\nHost: a\r\nX: \xc3\xa4\xff\r\n\r\n",
            "GET /? 1.1 a\n"),
    READING("an_upgrade_is_passed_over",
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nGET /b "
            "HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /? 1.1 a\nGET /b? 1.1 a\n"),
    READING("an_upgrade_with_length",
            "POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: "
            "1\r\n\r\nx"
            "GET /b HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST /? 1.1 a follows |POST /? 1.1 a body=x\nGET /b? 1.1 a\n"),
    READING(
        "an_upgrade_with_chunks",
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: "
        "chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
        "GET /b HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /? 1.1 a chunked follows |POST /? 1.1 a chunked body=x\nGET /b? 1.1 a\n"),
    READING("body_of_get", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
            "GET /? 1.1 a follows |GET /? 1.1 a body=abc\n"),
    READING("nothing", "", ""),
    READING("half_an_empty_line_is_begun", "\r", "cut\n"),
    READING("empty_line_alone_is_quiet", "\r\n", ""),
    READING("half_a_request_line", "GET / HT", "cut\n"),
    READING("half_a_body", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab",
            "POST /? 1.1 a follows |cut\n"),
};

TEST(request_plain_is_read)
{
    ASSERT_ALL_READ(&http_reader, plain);
}

static const struct reading bodies[] = {
    READING("length", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
            "POST /a? 1.1 a follows |POST /a? 1.1 a body=hello\n"),
    READING("tabs_around_a_length",
            "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length:\t5 \t\r\n\r\nhello",
            "POST /a? 1.1 a follows |POST /a? 1.1 a body=hello\n"),
    READING("tabs_around_a_coding",
            "POST /a "
            "HTTP/"
            "1.1\r\nHost:\ta\t\r\nTransfer-Encoding:\tchunked\t\r\nX:"
            "\t\t\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            "POST /a? 1.1 a chunked follows |POST /a? 1.1 a chunked body=hello\n"),
    READING("length_zero_has_no_body_to_wait_for",
            "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "POST /a? 1.1 a body=\n"),
    READING("length_with_zeros_before",
            "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 005\r\n\r\nhello",
            "POST /a? 1.1 a follows |POST /a? 1.1 a body=hello\n"),
    READING("any_bytes", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n\0\r\n\xff",
            "POST /a? 1.1 a follows |POST /a? 1.1 a body=<00><0d><0a><ff>\n"),
    READING("chunks",
            "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n "
            "world\r\n0\r\n\r\n",
            "POST /a? 1.1 a chunked follows |POST /a? 1.1 a chunked body=hello world\n"),
    READING("coding_in_any_case",
            "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n",
            "POST /a? 1.1 a chunked follows |POST /a? 1.1 a chunked body=\n"),
    READING("size_in_both_cases_and_zeros",
            "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
            "chunked\r\n\r\n00A\r\n0123456789\r\n0a\r\n0123456789\r\n000\r\n\r\n",
            "POST /a? 1.1 a chunked follows |POST /a? 1.1 a chunked body=01234567890123456789\n"),
    READING("chunk_of_line_ends",
            "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
            "chunked\r\n\r\n4\r\n\r\n\r\n\r\n0\r\n\r\n",
            "POST /a? 1.1 a chunked follows |POST /a? 1.1 a chunked body=<0d><0a><0d><0a>\n"),
    READING("extensions_are_dropped",
            "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
            "chunked\r\n\r\n2;a;c=\"d\";e=f\r\nhi\r\n0\r\n\r\n",
            "POST /a? 1.1 a chunked follows |POST /a? 1.1 a chunked body=hi\n"),
    READING("trailers_are_dropped",
            "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nA: "
            "b\r\nC:\r\n\r\n",
            "POST /a? 1.1 a chunked follows |POST /a? 1.1 a chunked body=hi\n"),
    READING("half_a_chunk",
            "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
            "POST /a? 1.1 a chunked follows |cut\n"),
};

TEST(request_body_is_read)
{
    ASSERT_ALL_READ(&http_reader, bodies);
}

static const struct reading connections[] = {
    READING("close", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            "GET /? 1.1 a close\n"),
    READING("close_in_a_list", "GET / HTTP/1.1\r\nHost: a\r\nConnection: x , CLOSE\r\n\r\n",
            "GET /? 1.1 a close\n"),
    READING("close_and_keep_alive_close",
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n",
            "GET /? 1.1 a close\n"),
    READING("keep_alive_is_the_rule", "GET / HTTP/1.1\r\nHost: a\r\nConnection: whatever\r\n\r\n",
            "GET /? 1.1 a\n"),
    READING("version_0_closes", "GET / HTTP/1.0\r\n\r\n", "GET /? 1.0  close\n"),
    READING("version_0_with_host", "GET / HTTP/1.0\r\nHost: a\r\n\r\n", "GET /? 1.0 a close\n"),
    READING("version_0_keeps_alive_when_asked", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
            "GET /? 1.0 \n"),
    READING("version_0_with_length", "POST / HTTP/1.0\r\nContent-Length: 1\r\n\r\nx",
            "POST /? 1.0  close follows |POST /? 1.0  close body=x\n"),
    READING("expect",
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\nx",
            "POST /? 1.1 a expects follows |POST /? 1.1 a expects body=x\n"),
    READING("expect_in_version_0_is_passed_over",
            "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
            "POST /? 1.0  close follows |POST /? 1.0  close body=x\n"),
};

TEST(request_connection_is_understood)
{
    ASSERT_ALL_READ(&http_reader, connections);
}

static const struct reading pipelines[] = {
    READING("two_gets", "GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /a? 1.1 a\nGET /b? 1.1 a\n"),
    READING("length_then_get",
            "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /b HTTP/1.1\r\nHost: "
            "a\r\n\r\n",
            "POST /a? 1.1 a follows |POST /a? 1.1 a body=abc\nGET /b? 1.1 a\n"),
    READING("chunks_then_get",
            "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
            "chunked\r\n\r\n1\r\nx\r\n0\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST /a? 1.1 a chunked follows |POST /a? 1.1 a chunked body=x\nGET /b? 1.1 a\n"),
    READING("empty_line_between",
            "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx\r\nPOST /b "
            "HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\ny",
            "POST /a? 1.1 a follows |POST /a? 1.1 a body=x\nPOST /b? 1.1 a follows |POST /b? 1.1 a "
            "body=y\n"),
    READING("fields_of_one_are_not_the_next_ones",
            "POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nxGET "
            "/b?c HTTP/1.0\r\n\r\n",
            "POST /a? 1.1 a expects follows |POST /a? 1.1 a expects body=x\nGET /b?c 1.0  close\n"),
    READING("bytes_after_a_bad_request_are_not_read",
            "BAD\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "refused 400 a bad request line\n"),
};

TEST(requests_in_a_row_are_told_apart)
{
    ASSERT_ALL_READ(&http_reader, pipelines);
}

TEST(hundred_requests_in_one_piece_are_read_one_by_one)
{
    static const char one[] = "GET /streams HTTP/1.1\r\nHost: a\r\n\r\n";
    static char bytes[100 * sizeof one];
    struct http_request request;
    size_t count = 0;
    size_t at = 0;
    int complete = 0;

    for (int index = 0; index < 100; index++) {
        memcpy(bytes + count, one, sizeof one - 1);
        count += sizeof one - 1;
    }
    http_request_init(&request);
    while (at < count) {
        size_t used;

        assert_int_equal(http_request_feed(&request, bytes + at, count - at, &used), HTTP_COMPLETE);
        assert_int_equal(used, sizeof one - 1);
        http_request_next(&request);
        at += used;
        complete++;
    }
    assert_int_equal(complete, 100);
    http_request_done(&request);
}

TEST(request_headers_are_found_in_any_case)
{
    static const char bytes[] = "GET / HTTP/1.1\r\nHost: a\r\nLast-Event-ID:  42 "
                                "\r\nX-Empty:\r\nx-two: 1\r\nX-Two: 2\r\n\r\n";
    struct http_request request;
    size_t used;

    http_request_init(&request);
    assert_null(http_request_header(&request, "host"));
    assert_int_equal(http_request_feed(&request, bytes, sizeof bytes - 1, &used), HTTP_COMPLETE);
    assert_string_equal(http_request_header(&request, "LAST-EVENT-ID"), "42");
    assert_string_equal(http_request_header(&request, "x-empty"), "");
    assert_string_equal(http_request_header(&request, "x-two"), "1");
    assert_string_equal(http_request_header(&request, "Host"), "a");
    assert_null(http_request_header(&request, "last-event"));
    assert_null(http_request_header(&request, "last-event-id2"));
    http_request_next(&request);
    assert_null(http_request_header(&request, "host"));
    http_request_done(&request);
}

TEST(request_is_begun_from_its_first_byte_to_its_last)
{
    static const char bytes[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
    struct http_request request;
    size_t used;

    http_request_init(&request);
    assert_false(http_request_begun(&request));
    assert_int_equal(http_request_feed(&request, "", 0, &used), HTTP_MORE);
    assert_false(http_request_begun(&request));
    for (size_t at = 0; at + 2 < sizeof bytes; at++) {
        http_request_feed(&request, bytes + at, 1, &used);
        assert_true(http_request_begun(&request));
    }
    assert_int_equal(http_request_feed(&request, "i", 1, &used), HTTP_COMPLETE);
    assert_false(http_request_begun(&request));
    http_request_next(&request);
    assert_false(http_request_begun(&request));
    http_request_done(&request);
}
