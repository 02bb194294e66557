/* test_tls_http2.c - HTTP/2 over TLS: sessions of nghttp2's over streams of hark_tls, which agree
 * on "h2" by ALPN, or on nothing. */
#include "adapters/http2.h"
#include "tls/meeting.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

enum { FILES = 100, BYTES = 100000 };

static void prepare(struct meeting *meeting, bool client_offers)
{
    static const char *const protocols[] = {"h2"};
    const struct hark_tls_options offering = {.alpn = protocols, .alpn_count = 1};
    meeting_prepare(meeting, &offering, client_offers ? &offering : NULL);
}

static void open_side(struct hark_loop *loop, struct http2_side *side, int fd, struct hark_tls *tls,
                      const char *name)
{
    int on = 1;
    side->loop = loop;
    /* As programs have it: else two small frames in a row wait for an acknowledgement. */
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
    assert_result(hark_stream_open_tls(loop, &side->http2.stream, fd, tls, name, side->options,
                                       hark_nghttp2_stream_events()),
                  0);
    http2_start(side, !name);
}

static void open_both(struct hark_loop *loop, struct meeting *meeting, struct http2_side *server,
                      struct http2_side *client)
{
    int pair[2];
    harness_tcp_pair(loop, pair);
    open_side(loop, server, pair[0], meeting->server_tls, NULL);
    open_side(loop, client, pair[1], meeting->client_tls, "localhost");
}

/* Over TLS this is the place to ask what was agreed on. */
static void want_h2(struct http2_side *side)
{
    const char *agreed = hark_tls_alpn(&side->http2.stream);
    if (!agreed || strcmp(agreed, "h2") != 0)
        hark_nghttp2_close(&side->http2);
}

static void end_with_the_last(struct http2_side *client)
{
    if (client->answers == FILES)
        http2_terminate(client);
}

BACKEND_TEST(requests_are_answered_over_tls_with_what_was_asked_for_before_the_handshake)
{
    struct meeting meeting = {0};
    struct http2_side server = {.on_connected = want_h2};
    struct http2_side client = {.on_connected = want_h2, .on_answer = end_with_the_last};
    prepare(&meeting, true);
    open_both(loop, &meeting, &server, &client);
    for (int i = 0; i < FILES; i++)
        http2_get(&client, "/100000");
    hark_nghttp2_send(&client.http2);
    harness_run(loop);
    assert_int_equal(client.connected, 1);
    assert_int_equal(server.connected, 1);
    assert_int_equal(client.answers, FILES);
    assert_int_equal(client.bytes, (uint64_t)FILES * BYTES);
    assert_result(client.error, 0);
    assert_result(server.error, 0);
    meeting_done(&meeting);
}

BACKEND_TEST(peer_that_agreed_on_nothing_is_closed_before_a_word_of_http2)
{
    struct meeting meeting = {0};
    struct http2_side server = {.on_connected = want_h2}, client = {0};
    prepare(&meeting, false);
    open_both(loop, &meeting, &server, &client);
    http2_get(&client, "/1");
    hark_nghttp2_send(&client.http2);
    harness_run(loop);
    assert_result(server.error, -ECANCELED);
    assert_int_equal(server.requests, 0);
    assert_int_equal(client.moments[HTTP2_HAVE_FRAME], 0);
    assert_int_not_equal(client.error, 0);
    meeting_done(&meeting);
}

BACKEND_TEST(handshake_that_fails_is_told_by_both_sides)
{
    struct meeting meeting = {0};
    struct http2_side server = {0}, client = {0};
    int pair[2];
    prepare(&meeting, true);
    harness_tcp_pair(loop, pair);
    open_side(loop, &server, pair[0], meeting.server_tls, NULL);
    open_side(loop, &client, pair[1], meeting.client_tls, "another.host");
    harness_run(loop);
    assert_result(client.error, -EKEYREJECTED);
    assert_int_not_equal(server.error, 0);
    assert_int_equal(client.connected + server.connected, 0);
    meeting_done(&meeting);
}
