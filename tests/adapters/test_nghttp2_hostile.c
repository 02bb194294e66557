/* test_nghttp2_hostile.c - HTTP/2 servers whose peer is a stream of bytes that the test makes: one
 * that does not read, one that speaks something else, one that asks for more than it may, one that
 * goes. */
#include "adapters/http2.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { FRAME_HEAD = 9, PIECE = 16384, SENT_MAX = 64 << 20 };

/* --- a peer of bytes --- */

struct raw {
    struct hark_stream stream;
    uint8_t bytes[FRAME_HEAD + PIECE]; /* a frame that has not come whole */
    size_t count;
    int frames[16]; /* by their kind */
    int acknowledged_pings;
    uint32_t goaway_code;
    bool ended, closed;
};

static uint32_t number(const uint8_t *bytes, int count)
{
    uint32_t value = 0;
    for (int i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    return value;
}

static void raw_frame(struct raw *raw, const uint8_t *frame)
{
    assert_true(frame[3] < 16);
    raw->frames[frame[3]]++;
    if (frame[3] == NGHTTP2_PING && (frame[4] & NGHTTP2_FLAG_ACK))
        raw->acknowledged_pings++;
    if (frame[3] == NGHTTP2_GOAWAY)
        raw->goaway_code = number(frame + FRAME_HEAD + 4, 4);
}

static void raw_received(struct hark_stream *stream, const void *bytes, int64_t count)
{
    struct raw *raw = hark_container_of(stream, struct raw, stream);
    const uint8_t *next = bytes;
    raw->ended = raw->ended || count <= 0;
    for (int64_t left = count; left > 0;) {
        size_t whole = FRAME_HEAD;
        if (raw->count >= FRAME_HEAD)
            whole += number(raw->bytes, 3);
        assert_true(whole <= sizeof raw->bytes);
        size_t step = whole - raw->count < (size_t)left ? whole - raw->count : (size_t)left;
        memcpy(raw->bytes + raw->count, next, step);
        raw->count += step;
        next += step;
        left -= (int64_t)step;
        if (raw->count >= FRAME_HEAD && raw->count == FRAME_HEAD + number(raw->bytes, 3)) {
            raw_frame(raw, raw->bytes);
            raw->count = 0;
        }
    }
}

static void raw_failed(struct hark_stream *stream, int error)
{
    struct raw *raw = hark_container_of(stream, struct raw, stream);
    (void)error;
    raw->ended = true;
}

static void raw_closed(struct hark_stream *stream)
{
    struct raw *raw = hark_container_of(stream, struct raw, stream);
    raw->closed = true;
}

static void raw_write(struct raw *raw, const void *bytes, size_t count)
{
    assert_true(hark_stream_write(&raw->stream, bytes, count) >= 0);
}

static void put_frame(uint8_t *into, size_t length, int kind, int flags, uint32_t stream)
{
    const uint8_t head[FRAME_HEAD] = {
        (uint8_t)(length >> 16), (uint8_t)(length >> 8), (uint8_t)length,
        (uint8_t)kind,           (uint8_t)flags,         (uint8_t)(stream >> 24),
        (uint8_t)(stream >> 16), (uint8_t)(stream >> 8), (uint8_t)stream};
    memcpy(into, head, sizeof head);
}

static void raw_write_frame(struct raw *raw, const void *body, size_t length, int kind, int flags,
                            uint32_t stream)
{
    uint8_t frame[FRAME_HEAD + 1024];
    assert_true(length <= 1024);
    put_frame(frame, length, kind, flags, stream);
    memcpy(frame + FRAME_HEAD, body, length);
    raw_write(raw, frame, FRAME_HEAD + length);
}

/* GET http a /N, by the static table of HPACK, without a word of Huffman's. */
static void raw_get(struct raw *raw, uint32_t stream, const char *path)
{
    uint8_t body[32] = {0x82, 0x86, 0x01, 1, 'a', 0x04, (uint8_t)strlen(path)};
    memcpy(body + 7, path, strlen(path));
    raw_write_frame(raw, body, 7 + strlen(path), NGHTTP2_HEADERS,
                    NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, stream);
}

/* Says the preface, with windows that never shut. */
static void raw_begin(struct raw *raw)
{
    static const uint8_t settings[] = {0, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0x7f, 0xff, 0, 0};
    static const uint8_t window[] = {0x7f, 0, 0, 0};
    raw_write(raw, NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN);
    raw_write_frame(raw, settings, sizeof settings, NGHTTP2_SETTINGS, 0, 0);
    raw_write_frame(raw, window, sizeof window, NGHTTP2_WINDOW_UPDATE, 0, 0);
}

static void raw_open(struct hark_loop *loop, struct raw *raw, struct http2_side *server)
{
    static const struct hark_stream_events events = {
        .received = raw_received, .failed = raw_failed, .closed = raw_closed};
    static const struct hark_stream_options options = {.queue_bytes_max = SENT_MAX};
    int pair[2];
    harness_tcp_pair(loop, pair);
    http2_serve(loop, server, pair[0]);
    hark_stream_open(loop, &raw->stream, pair[1], &options, &events);
}

static void raw_close(struct hark_loop *loop, struct raw *raw)
{
    hark_stream_close(&raw->stream);
    harness_run(loop);
    assert_true(raw->closed);
}

static void run_to_end_of(struct hark_loop *loop, const struct http2_side *server)
{
    while (!server->closed && hark_run_once(loop) == 1) {
    }
    assert_true(server->closed);
}

/* --- one that does not read --- */

/* Asks for more than its socket and the server's queue hold, and then sends what is answered. */
static void raw_begin_and_stuff(struct raw *raw)
{
    raw_begin(raw);
    for (uint32_t i = 0; i < HTTP2_STREAMS_MAX; i++)
        raw_get(raw, 2 * i + 1, "/1000000");
}

static void raw_ping(struct raw *raw)
{
    raw_write_frame(raw, "\0\0\0\0\0\0\0", 8, NGHTTP2_PING, 0, 0);
}

/* Sends pings until nothing more is taken from it.
 * Gives: how many. */
static int raw_ping_until_stuck(struct hark_loop *loop, struct raw *raw)
{
    int pings = 0;
    do {
        for (int i = 0; i < 1000; i++, pings++)
            raw_ping(raw);
        harness_settle(loop);
    } while (hark_stream_queued(&raw->stream) == 0 && !raw->ended);
    return pings;
}

BACKEND_TEST(peer_that_does_not_read_stops_what_is_made_for_it_and_goes_on_when_it_reads)
{
    struct http2_side server = {0};
    struct raw raw = {0};
    raw_open(loop, &raw, &server);
    raw_begin_and_stuff(&raw);
    int pings = raw_ping_until_stuck(loop, &raw);
    assert_false(server.closed);
    /* Its limit is 1 MiB, and half of that the mark where the session is asked for no more. */
    assert_true(hark_stream_queued(&server.http2.stream) <= (512 << 10) + FRAME_HEAD + PIECE);
    assert_true(nghttp2_session_get_outbound_queue_size(server.http2.session) <=
                HARK_NGHTTP2_FRAMES_MAX + PIECE / (FRAME_HEAD + 8) + 1);
    harness_assert_idle(loop);

    hark_stream_read_start(&raw.stream);
    while (raw.acknowledged_pings < pings && !raw.ended)
        assert_int_equal(hark_run_once(loop), 1);
    assert_int_equal(raw.acknowledged_pings, pings);
    assert_int_equal(server.requests, HTTP2_STREAMS_MAX);
    raw_close(loop, &raw);
    assert_true(server.closed);
}

BACKEND_TEST(peer_that_does_not_read_is_left_by_the_write_deadline)
{
    static const struct hark_stream_options options = {.write_timeout_ns = 50000000};
    struct http2_side server = {.options = &options};
    struct raw raw = {0};
    raw_open(loop, &raw, &server);
    raw_begin_and_stuff(&raw);
    run_to_end_of(loop, &server);
    assert_result(server.error, -ETIMEDOUT);
    raw_close(loop, &raw);
}

/* Neither reads nor says anything: the deadline of reading ends it, without a word. */
BACKEND_TEST(peer_that_neither_reads_nor_sends_is_left_by_the_read_deadline)
{
    static const struct hark_stream_options options = {.read_timeout_ns = 50000000};
    struct http2_side server = {.options = &options};
    struct raw raw = {0};
    raw_open(loop, &raw, &server);
    raw_begin_and_stuff(&raw);
    run_to_end_of(loop, &server);
    assert_result(server.error, -ETIMEDOUT);
    raw_close(loop, &raw);
}

/* --- one that asks for more than it may --- */

static void expect_goaway(struct hark_loop *loop, struct raw *raw, const struct http2_side *server,
                          uint32_t code)
{
    hark_stream_read_start(&raw->stream);
    while (!raw->ended)
        assert_int_equal(hark_run_once(loop), 1);
    raw_close(loop, raw);
    assert_true(server->closed);
    assert_result(server->error, 0);
    assert_int_equal(raw->frames[NGHTTP2_GOAWAY], 1);
    assert_int_equal(raw->goaway_code, code);
}

BACKEND_TEST(frame_that_breaks_the_protocol_is_answered_by_a_goaway_and_the_end)
{
    struct http2_side server = {0};
    struct raw raw = {0};
    raw_open(loop, &raw, &server);
    raw_begin(&raw);
    raw_write_frame(&raw, "body", 4, NGHTTP2_DATA, 0, 0); /* DATA is of a stream */
    expect_goaway(loop, &raw, &server, NGHTTP2_PROTOCOL_ERROR);
}

BACKEND_TEST(streams_opened_and_reset_at_once_have_an_end)
{
    static const uint8_t cancel[] = {0, 0, 0, NGHTTP2_CANCEL};
    struct http2_side server = {0};
    struct raw raw = {0};
    raw_open(loop, &raw, &server);
    raw_begin(&raw);
    for (uint32_t i = 0; i < 3000; i++) {
        raw_get(&raw, 2 * i + 1, "/never");
        raw_write_frame(&raw, cancel, sizeof cancel, NGHTTP2_RST_STREAM, 0, 2 * i + 1);
    }
    expect_goaway(loop, &raw, &server, NGHTTP2_INTERNAL_ERROR);
    assert_true(server.requests < 3000);
}

BACKEND_TEST(settings_without_end_end_the_connection)
{
    uint8_t settings[6 * 33];
    struct http2_side server = {0};
    struct raw raw = {0};
    for (size_t i = 0; i < sizeof settings; i += 6)
        memcpy(settings + i, "\0\4\0\1\0\0", 6);
    raw_open(loop, &raw, &server);
    raw_begin(&raw);
    raw_write_frame(&raw, settings, sizeof settings, NGHTTP2_SETTINGS, 0, 0);
    expect_goaway(loop, &raw, &server, NGHTTP2_ENHANCE_YOUR_CALM);
}

/* Answers wait where their peer does not read: past a bound, set low here, it is a flood. */
BACKEND_TEST(pings_past_the_bound_of_answers_that_wait_end_the_connection)
{
    nghttp2_option *option;
    assert_int_equal(nghttp2_option_new(&option), 0);
    nghttp2_option_set_max_outbound_ack(option, 100);
    struct http2_side server = {.session_options = option};
    struct raw raw = {0};
    raw_open(loop, &raw, &server);
    raw_begin_and_stuff(&raw);
    for (int i = 0; i < 100000; i++)
        raw_ping(&raw);
    run_to_end_of(loop, &server);
    assert_result(server.error, NGHTTP2_ERR_FLOODED);
    raw_close(loop, &raw);
    nghttp2_option_del(option);
}

/* --- one that speaks something else, and one that goes --- */

BACKEND_TEST(peer_that_speaks_something_else_is_left_at_once)
{
    static const char other[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    struct http2_side server = {0};
    struct raw raw = {0};
    raw_open(loop, &raw, &server);
    raw_write(&raw, other, sizeof other - 1);
    run_to_end_of(loop, &server);
    assert_result(server.error, NGHTTP2_ERR_BAD_CLIENT_MAGIC);
    raw_close(loop, &raw);
}

BACKEND_TEST(peer_that_ends_or_resets_the_connection_is_told_as_that)
{
    static const struct linger at_once = {.l_onoff = 1};
    struct http2_side server = {0}, other = {0};
    struct raw raw = {0}, rude = {0};
    raw_open(loop, &raw, &server);
    raw_begin(&raw);
    raw_get(&raw, 1, "/never");
    hark_stream_end(&raw.stream);
    run_to_end_of(loop, &server);
    assert_result(server.error, NGHTTP2_ERR_EOF);
    raw_close(loop, &raw);

    raw_open(loop, &rude, &other);
    raw_begin(&rude);
    harness_settle(loop);
    setsockopt(hark_stream_fd(&rude.stream), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    raw_close(loop, &rude);
    assert_true(other.closed);
    assert_result(other.error, -ECONNRESET);
}
