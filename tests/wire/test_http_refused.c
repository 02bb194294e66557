/* test_http_refused.c - requests that are refused: each way in which two readers could see two different requests. */
#include "http_reader.h"

#define HEAD "POST /a HTTP/1.1\r\nHost: a\r\n"
#define GET  "GET / HTTP/1.1\r\nHost: a\r\n"
#define TEXT "GET /? 1.1 a"

static const struct reading lines[] = {
    READING("bare_lf_after_request_line", "GET / HTTP/1.1\nHost: a\r\n\r\n", "refused 400 an LF without CR in the head\n"),
    READING("bare_lf_after_header", "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", "refused 400 an LF without CR in the head\n"),
    READING("bare_lf_at_the_end_of_head", "GET / HTTP/1.1\r\nHost: a\r\n\n", "refused 400 an LF without CR in the head\n"),
    READING("bare_lf_before", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "refused 400 an LF without CR in the head\n"),
    READING("bare_cr_in_value", "GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", "refused 400 a CR without LF in the head\n"),
    READING("bare_cr_in_request_line", "GET /\rX HTTP/1.1\r\nHost: a\r\n\r\n", "refused 400 a CR without LF in the head\n"),
    READING("cr_cr_lf", "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", "refused 400 a CR without LF in the head\n"),
    READING("bare_cr_at_the_end_of_head", GET "\rX", "refused 400 a CR without LF in the head\n"),
    READING("nul_in_value", "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", "refused 400 a NUL in the head\n"),
    READING("nul_in_name", "GET / HTTP/1.1\r\nHo\0st: a\r\n\r\n", "refused 400 a NUL in the head\n"),
    READING("nul_in_target", "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", "refused 400 a NUL in the head\n"),
    READING("control_byte_in_value", GET "X: \x01\r\n\r\n", "refused 400 a control byte in the head\n"),
    READING("delete_in_value", GET "X: \x7f\r\n\r\n", "refused 400 a control byte in the head\n"),
    READING("tls_hello", "\x16\x03\x01\x02", "refused 400 a control byte in the head\n"),
    READING("two_empty_lines_before", "\r\n\r\nGET / HTTP/1.1\r\n\r\n", "refused 400 empty lines before the request\n"),
    READING("blank_before_colon", GET "X : y\r\n\r\n", "refused 400 a blank in or after a header's name\n"),
    READING("tab_before_colon", GET "X\t: y\r\n\r\n", "refused 400 a blank in or after a header's name\n"),
    READING("blank_before_colon_of_length", HEAD "Content-Length : 3\r\n\r\nabc",
            "refused 400 a blank in or after a header's name\n"),
    READING("obs_fold", GET "X: y\r\n z\r\n\r\n", "refused 400 a header line that begins with a blank\n"),
    READING("obs_fold_by_tab", GET "X: y\r\n\tz\r\n\r\n", "refused 400 a header line that begins with a blank\n"),
    READING("blank_first_header", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", "refused 400 a header line that begins with a blank\n"),
    READING("blank_line_of_blanks", GET " \r\n\r\n", "refused 400 a header line that begins with a blank\n"),
    READING("no_colon", GET "X\r\n\r\n", "refused 400 a header without a colon or with a bad name\n"),
    READING("no_name", GET ": y\r\n\r\n", "refused 400 a header without a name\n"),
    READING("bad_name", GET "X(: y\r\n\r\n", "refused 400 a header without a colon or with a bad name\n"),
    READING("name_above_ascii", GET "X\xe4: y\r\n\r\n", "refused 400 a header without a colon or with a bad name\n"),
};

TEST(request_with_bad_lines_is_refused)
{
    ASSERT_ALL_READ(&http_reader, lines);
}

static const struct reading request_lines[] = {
    READING("version_0_9", "GET /\r\n\r\n", "refused 400 a bad request line\n"),
    READING("no_target", "GET  HTTP/1.1\r\n\r\n", "refused 400 a target that is no path\n"),
    READING("two_blanks", "GET  / HTTP/1.1\r\n\r\n", "refused 400 a target that is no path\n"),
    READING("blank_in_target", "GET /a b HTTP/1.1\r\n\r\n", "refused 400 a byte in the path that must be escaped\n"),
    READING("tab_between", "GET\t/ HTTP/1.1\r\n\r\n", "refused 400 a bad request line\n"),
    READING("blank_before", " GET / HTTP/1.1\r\n\r\n", "refused 400 a bad request line\n"),
    READING("blank_after", "GET / HTTP/1.1 \r\n\r\n", "refused 400 a bad request line\n"),
    READING("bad_method", "G@T / HTTP/1.1\r\n\r\n", "refused 400 a bad method\n"),
    READING("unknown_method", "BREW / HTTP/1.1\r\n\r\n", "refused 501 an unknown method\n"),
    READING("method_in_small_letters", "get / HTTP/1.1\r\n\r\n", "refused 501 an unknown method\n"),
    READING("connect", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", "refused 501 an unknown method\n"),
    READING("trace", "TRACE / HTTP/1.1\r\n\r\n", "refused 501 an unknown method\n"),
    READING("version_2_preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "refused 505 a version other than HTTP/1.0 and HTTP/1.1\n"),
    READING("version_1_2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", "refused 505 a version other than HTTP/1.0 and HTTP/1.1\n"),
    READING("version_9_9", "GET / HTTP/9.9\r\nHost: a\r\n\r\n", "refused 505 a version other than HTTP/1.0 and HTTP/1.1\n"),
    READING("version_long", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", "refused 400 a bad request line\n"),
    READING("version_small_letters", "GET / http/1.1\r\nHost: a\r\n\r\n", "refused 400 a bad request line\n"),
    READING("version_other", "GET / RTSP/1.0\r\nHost: a\r\n\r\n", "refused 400 a bad request line\n"),
    READING("relative_target", "GET a HTTP/1.1\r\nHost: a\r\n\r\n", "refused 400 a target that is no path\n"),
    READING("asterisk_of_get", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", "refused 400 a target that is no path\n"),
    READING("authority_of_get", "GET a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", "refused 400 a target that is no path\n"),
    READING("other_scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "refused 400 a target that is no path\n"),
    READING("absolute_without_host", "GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n", "refused 400 a bad host in the target\n"),
    READING("absolute_with_user", "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", "refused 400 a bad host in the target\n"),
    READING("fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", "refused 400 a byte in the path that must be escaped\n"),
    READING("fragment_in_query", "GET /a?b#c HTTP/1.1\r\nHost: a\r\n\r\n",
            "refused 400 a byte in the query that must be escaped\n"),
    READING("path_above_ascii", "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n",
            "refused 400 a byte in the path that must be escaped\n"),
    READING("path_backslash", "GET /\\ HTTP/1.1\r\nHost: a\r\n\r\n", "refused 400 a byte in the path that must be escaped\n"),
    READING("query_above_ascii", "GET /?\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n",
            "refused 400 a byte in the query that must be escaped\n"),
    READING("escape_cut", "GET /%4 HTTP/1.1\r\nHost: a\r\n\r\n", "refused 400 a broken escape in the path\n"),
    READING("escape_cut_by_query", "GET /%4?1 HTTP/1.1\r\nHost: a\r\n\r\n", "refused 400 a broken escape in the path\n"),
    READING("escape_no_digit", "GET /%4g HTTP/1.1\r\nHost: a\r\n\r\n", "refused 400 a broken escape in the path\n"),
    READING("escaped_nul", "GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n",
            "refused 400 an escape in the path that hides a slash or a control byte\n"),
    READING("escaped_line_end", "GET /a%0d%0ab HTTP/1.1\r\nHost: a\r\n\r\n",
            "refused 400 an escape in the path that hides a slash or a control byte\n"),
    READING("escaped_slash", "GET /streams%2Fa HTTP/1.1\r\nHost: a\r\n\r\n",
            "refused 400 an escape in the path that hides a slash or a control byte\n"),
};

TEST(request_with_a_bad_request_line_is_refused)
{
    ASSERT_ALL_READ(&http_reader, request_lines);
}

static const struct reading hosts[] = {
    READING("no_host", "GET / HTTP/1.1\r\n\r\n", "refused 400 no Host\n"),
    READING("two_hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "refused 400 Host twice\n"),
    READING("two_hosts_in_version_0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", "refused 400 Host twice\n"),
    READING("empty_host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "refused 400 a bad Host\n"),
    READING("host_list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", "refused 400 a bad Host\n"),
    READING("host_with_path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "refused 400 a bad Host\n"),
    READING("host_with_user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "refused 400 a bad Host\n"),
    READING("host_port_no_number", "GET / HTTP/1.1\r\nHost: a:x\r\n\r\n", "refused 400 a bad Host\n"),
    READING("host_port_too_high", "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", "refused 400 a bad Host\n"),
    READING("host_port_alone", "GET / HTTP/1.1\r\nHost: :80\r\n\r\n", "refused 400 a bad Host\n"),
    READING("host_two_ports", "GET / HTTP/1.1\r\nHost: a:80:80\r\n\r\n", "refused 400 a bad Host\n"),
    READING("host_ip6_open", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "refused 400 a bad Host\n"),
    READING("host_ip6_empty", "GET / HTTP/1.1\r\nHost: []\r\n\r\n", "refused 400 a bad Host\n"),
    READING("host_ip6_tail", "GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n", "refused 400 a bad Host\n"),
    READING("host_above_ascii", "GET / HTTP/1.1\r\nHost: \xc3\xa4\r\n\r\n", "refused 400 a bad Host\n"),
    READING("content_type_twice", GET "Content-Type: a\r\nContent-Type: a\r\n\r\n",
            "refused 400 a header twice that may be there once\n"),
    READING("last_event_id_twice", GET "Last-Event-ID: 1\r\nlast-event-id: 2\r\n\r\n",
            "refused 400 a header twice that may be there once\n"),
    READING("expect_twice", HEAD "Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n",
            "refused 400 a header twice that may be there once\n"),
    READING("expect_other", HEAD "Expect: 200-ok\r\n\r\n", "refused 417 an Expect other than 100-continue\n"),
    READING("expect_list", HEAD "Expect: 100-continue, 200-ok\r\n\r\n", "refused 417 an Expect other than 100-continue\n"),
};

TEST(request_with_bad_host_or_expect_is_refused)
{
    ASSERT_ALL_READ(&http_reader, hosts);
}

#define LENGTH(value) HEAD "Content-Length:" value "\r\n\r\n123456789"
#define NO_NUMBER     "refused 400 a Content-Length that is no number\n"
#define CODING(value) HEAD "Transfer-Encoding:" value "\r\n\r\n0\r\n\r\n"
#define NOT_LAST      "refused 400 a Transfer-Encoding that does not end in one chunked\n"

static const struct reading framings[] = {
    READING("length_empty", LENGTH(""), NO_NUMBER),
    READING("length_negative", LENGTH(" -5"), NO_NUMBER),
    READING("length_signed", LENGTH(" +5"), NO_NUMBER),
    READING("length_hexadecimal", LENGTH(" 0x5"), NO_NUMBER),
    READING("length_fraction", LENGTH(" 5.0"), NO_NUMBER),
    READING("length_underscore", LENGTH(" 1_0"), NO_NUMBER),
    READING("length_inner_blank", LENGTH(" 5 5"), NO_NUMBER),
    READING("length_list", LENGTH(" 5, 5"), NO_NUMBER),
    READING("length_list_empty", LENGTH(" 5,"), NO_NUMBER),
    READING("length_overflowing", LENGTH(" 18446744073709551617"), NO_NUMBER),
    READING("length_overflowing_far", LENGTH(" 99999999999999999999999999"), NO_NUMBER),
    READING("length_zeros_without_end", LENGTH(" 000000000000000000005"), NO_NUMBER),
    READING("length_past_limit", LENGTH(" 1048577"), "refused 413 the body is too long\n"),
    READING("length_past_limit_far", LENGTH(" 18446744073709551615"), "refused 413 the body is too long\n"),
    READING("length_twice", LENGTH(" 5\r\nContent-Length: 5"), "refused 400 Content-Length twice\n"),
    READING("length_twice_differing", LENGTH(" 5\r\nContent-Length: 6"), "refused 400 Content-Length twice\n"),
    READING("length_and_coding", LENGTH(" 5\r\nTransfer-Encoding: chunked"),
            "refused 400 Content-Length together with Transfer-Encoding\n"),
    READING("coding_and_length", CODING(" chunked\r\nContent-Length: 5"),
            "refused 400 Content-Length together with Transfer-Encoding\n"),
    READING("coding_twice", CODING(" chunked\r\nTransfer-Encoding: chunked"), "refused 400 Transfer-Encoding twice\n"),
    READING("coding_twice_in_a_list", CODING(" chunked, chunked"), NOT_LAST),
    READING("coding_not_ending_in_chunked", CODING(" chunked, gzip"), NOT_LAST),
    READING("coding_without_chunked", CODING(" gzip"), NOT_LAST),
    READING("coding_identity", CODING(" identity"), NOT_LAST),
    READING("coding_with_parameter", CODING(" chunked;q=1"), NOT_LAST),
    READING("coding_quoted", CODING(" \"chunked\""), NOT_LAST),
    READING("coding_alike", CODING(" xchunked"), NOT_LAST),
    READING("coding_vertical_tab",
            CODING(" \x0b"
                   "chunked"),
            "refused 400 a control byte in the head\n"),
    READING("coding_empty", CODING(""), "refused 400 an empty transfer coding\n"),
    READING("coding_list_with_empty_end", CODING(" chunked,"), "refused 400 an empty transfer coding\n"),
    READING("coding_list_with_empty_start", CODING(" , chunked"), "refused 400 an empty transfer coding\n"),
    READING("coding_other_below_chunked", CODING(" gzip, chunked"), "refused 501 a transfer coding other than chunked\n"),
    READING("coding_in_version_0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "refused 400 Transfer-Encoding in HTTP/1.0\n"),
};

TEST(request_with_doubtful_framing_is_refused)
{
    ASSERT_ALL_READ(&http_reader, framings);
}

#define CHUNKED        HEAD "Transfer-Encoding: chunked\r\n\r\n"
#define CHUNK(bytes)   CHUNKED bytes "\r\n0\r\n\r\n"
#define REFUSED(words) "POST /a? 1.1 a chunked follows |refused " words "\n"

static const struct reading chunks[] = {
    READING("size_0x", CHUNK("0x5\r\nhello"), REFUSED("400 a chunk size that is no number")),
    READING("size_plus", CHUNK("+5\r\nhello"), REFUSED("400 a chunk without a size")),
    READING("size_minus", CHUNK("-5\r\nhello"), REFUSED("400 a chunk without a size")),
    READING("size_underscore", CHUNK("1_0\r\n0123456789012345"), REFUSED("400 a chunk size that is no number")),
    READING("size_empty", CHUNK("\r\nhello"), REFUSED("400 a chunk without a size")),
    READING("size_extension_alone", CHUNK(";a\r\nhello"), REFUSED("400 a chunk without a size")),
    READING("size_overlong", CHUNK("00000000000000005\r\nhello"), REFUSED("400 a chunk size with too many digits")),
    READING("size_overflowing", CHUNK("10000000000000005\r\nhello"), REFUSED("400 a chunk size with too many digits")),
    READING("size_huge", CHUNK("ffffffffffffffff\r\nhello"), REFUSED("413 the body is too long")),
    READING("size_past_limit", CHUNK("100001\r\nhello"), REFUSED("413 the body is too long")),
    READING("size_with_letter", CHUNK("5g\r\nhello"), REFUSED("400 a chunk size that is no number")),
    READING("size_blank_before", CHUNK(" 5\r\nhello"), REFUSED("400 a chunk without a size")),
    READING("size_blank_after", CHUNK("5 \r\nhello"), REFUSED("400 a chunk size that is no number")),
    READING("size_tab_after", CHUNK("5\t\r\nhello"), REFUSED("400 a chunk size that is no number")),
    READING("size_bare_lf", CHUNK("5\nhello"), REFUSED("400 a chunk size that is no number")),
    READING("size_bare_cr", CHUNK("5\rhello"), REFUSED("400 a CR without LF in a chunked body")),
    READING("chunk_too_long", CHUNK("4\r\nhello"), REFUSED("400 a chunk that is longer than its size")),
    READING("chunk_too_short", CHUNK("6\r\nhello"), REFUSED("400 a chunk that is longer than its size")),
    READING("chunk_end_bare_lf", CHUNKED "5\r\nhello\n0\r\n\r\n", REFUSED("400 a chunk that is longer than its size")),
    READING("chunk_end_bare_cr", CHUNKED "5\r\nhello\r0\r\n\r\n", REFUSED("400 a CR without LF in a chunked body")),
    READING("chunk_end_missing", CHUNKED "5\r\nhello0\r\n\r\n", REFUSED("400 a chunk that is longer than its size")),
    READING("extension_bare_lf", CHUNK("5;a\nhello"), REFUSED("400 a control byte in a chunk extension")),
    READING("extension_bare_cr", CHUNK("5;a\rb\r\nhello"), REFUSED("400 a CR without LF in a chunked body")),
    READING("extension_nul", CHUNK("5;\0\r\nhello"), REFUSED("400 a control byte in a chunk extension")),
    READING("last_bare_lf", CHUNKED "0\n\n", REFUSED("400 a chunk size that is no number")),
    READING("last_end_bare_lf", CHUNKED "0\r\n\n", REFUSED("400 a bad trailer")),
    READING("last_end_bare_cr", CHUNKED "0\r\n\rX", REFUSED("400 a CR without LF in a chunked body")),
    READING("last_with_data", CHUNKED "0\r\nhello\r\n\r\n", REFUSED("400 a bad trailer")),
    READING("trailer_blank_before_colon", CHUNKED "0\r\nA : b\r\n\r\n", REFUSED("400 a bad trailer")),
    READING("trailer_fold", CHUNKED "0\r\nA: b\r\n c\r\n\r\n", REFUSED("400 a bad trailer")),
    READING("trailer_without_name", CHUNKED "0\r\n: b\r\n\r\n", REFUSED("400 a bad trailer")),
    READING("trailer_bare_lf", CHUNKED "0\r\nA: b\n\r\n", REFUSED("400 a control byte in a trailer")),
    READING("trailer_bare_cr", CHUNKED "0\r\nA: b\rc\r\n\r\n", REFUSED("400 a CR without LF in a chunked body")),
    READING("trailer_nul", CHUNKED "0\r\nA: \0\r\n\r\n", REFUSED("400 a control byte in a trailer")),
};

TEST(request_with_bad_chunks_is_refused)
{
    ASSERT_ALL_READ(&http_reader, chunks);
}
