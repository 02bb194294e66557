/* http2.c - see the header. */
#if __has_include(<nghttp2/nghttp2.h>)
#include "adapters/http2.h"

#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

static int moment(struct http2_side *side, enum http2_moment moment, int32_t id)
{
    assert_false(side->closed);
    side->moments[moment]++;
    return side->hook ? side->hook(side, moment, id) : 0;
}

/* --- exchanges --- */

static struct http2_exchange *exchange_new(struct http2_side *side)
{
    struct http2_exchange *exchange = calloc(1, sizeof *exchange);
    assert_non_null(exchange);
    exchange->side = side;
    exchange->link = &side->open;
    exchange->next = side->open;
    if (exchange->next)
        exchange->next->link = &exchange->next;
    side->open = exchange;
    return exchange;
}

static void exchange_free(struct http2_exchange *exchange)
{
    *exchange->link = exchange->next;
    if (exchange->next)
        exchange->next->link = exchange->link;
    free(exchange);
}

static uint8_t body_byte(uint64_t at)
{
    return (uint8_t)(at * 7 + (at >> 8));
}

void http2_fill_body(uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = body_byte(i);
}

static ssize_t give(nghttp2_session *session, int32_t id, uint8_t *buffer, size_t room,
                    uint32_t *flags, nghttp2_data_source *source, void *context)
{
    struct http2_exchange *exchange = source->ptr;
    uint64_t left = exchange->to_give - exchange->given;
    size_t count = left < room ? (size_t)left : room;
    int wish = moment(context, HTTP2_GIVES_DATA, id);
    (void)session;
    if (wish)
        return wish;
    for (size_t i = 0; i < count; i++)
        buffer[i] = body_byte(exchange->given + i);
    exchange->given += count;
    if (count == left)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)count;
}

static nghttp2_data_provider body_of(struct http2_exchange *exchange)
{
    return (nghttp2_data_provider){.source.ptr = exchange, .read_callback = give};
}

static nghttp2_nv header(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                        strlen(value), NGHTTP2_NV_FLAG_NONE};
}

/* --- what a session tells --- */

static int began_headers(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct http2_side *side = context;
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        struct http2_exchange *exchange = exchange_new(side);
        exchange->id = frame->hd.stream_id;
        side->requests++;
        nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, exchange);
    }
    return moment(side, HTTP2_BEGAN_HEADERS, frame->hd.stream_id);
}

static int have_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                       size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags,
                       void *context)
{
    int32_t id = frame->hd.stream_id;
    struct http2_exchange *exchange = nghttp2_session_get_stream_user_data(session, id);
    const char *text = (const char *)value;
    (void)name_length;
    (void)value_length;
    (void)flags;
    if (exchange && strcmp((const char *)name, ":method") == 0)
        exchange->posts = strcmp(text, "POST") == 0;
    if (exchange && strcmp((const char *)name, ":path") == 0) {
        exchange->never = strcmp(text, "/never") == 0;
        exchange->to_give = strtoull(text + 1, NULL, 10);
    }
    if (strcmp((const char *)name, ":status") == 0)
        assert_string_equal(text, "200");
    return moment(context, HTTP2_HAVE_HEADER, id);
}

static int have_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
                     size_t count, void *context)
{
    struct http2_exchange *exchange = nghttp2_session_get_stream_user_data(session, id);
    struct http2_side *side = context;
    (void)flags;
    side->bytes += count;
    if (exchange) {
        for (size_t i = 0; i < count; i++)
            if (bytes[i] != body_byte(exchange->taken + i))
                fail_msg("byte %zu of a body is another's", (size_t)exchange->taken + i);
        exchange->taken += count;
    }
    return moment(side, HTTP2_HAVE_DATA, id);
}

static int answer(struct http2_side *side, struct http2_exchange *exchange)
{
    const nghttp2_nv headers[] = {header(":status", "200")};
    nghttp2_data_provider body = body_of(exchange);
    if (exchange->posts)
        exchange->to_give = exchange->taken;
    return nghttp2_submit_response(side->http2.session, exchange->id, headers, 1, &body);
}

static int have_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct http2_side *side = context;
    int32_t id = frame->hd.stream_id;
    struct http2_exchange *exchange = nghttp2_session_get_stream_user_data(session, id);
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        side->goaways++;
        side->goaway_code = frame->goaway.error_code;
    }
    int wish = moment(side, HTTP2_HAVE_FRAME, id);
    bool whole = (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
                 exchange && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
    if (wish == 0 && whole && !exchange->never && nghttp2_session_check_server_session(session))
        assert_int_equal(answer(side, exchange), 0);
    return wish;
}

static int sends_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    (void)session;
    return moment(context, HTTP2_SENDS_FRAME, frame->hd.stream_id);
}

static int sent_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    (void)session;
    return moment(context, HTTP2_SENT_FRAME, frame->hd.stream_id);
}

static int stream_closed(nghttp2_session *session, int32_t id, uint32_t code, void *context)
{
    struct http2_exchange *exchange = nghttp2_session_get_stream_user_data(session, id);
    struct http2_side *side = context;
    if (exchange)
        exchange_free(exchange);
    if (code != NGHTTP2_NO_ERROR) {
        side->resets++;
        side->reset_by = code;
    } else if (!nghttp2_session_check_server_session(session)) {
        side->answers++;
        if (side->on_answer)
            side->on_answer(side);
    }
    return moment(side, HTTP2_STREAM_CLOSED, id);
}

/* --- connections --- */

static void connected(struct hark_nghttp2 *http2)
{
    struct http2_side *side = hark_container_of(http2, struct http2_side, http2);
    assert_false(side->closed);
    side->connected++;
    if (side->on_connected)
        side->on_connected(side);
}

static void closed(struct hark_nghttp2 *http2, int error)
{
    struct http2_side *side = hark_container_of(http2, struct http2_side, http2);
    assert_false(side->closed);
    assert_null(http2->session);
    side->closed = true;
    side->error = error;
    for (struct http2_exchange *each = side->open, *next; each; each = next) {
        next = each->next;
        free(each);
    }
    side->open = NULL;
    if (side->on_closed)
        side->on_closed(side);
}

static nghttp2_session *session_new(struct http2_side *side, bool server)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_session *session;
    assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, began_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, have_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, have_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, have_frame);
    nghttp2_session_callbacks_set_before_frame_send_callback(callbacks, sends_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, sent_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, stream_closed);
    int error = server
                    ? nghttp2_session_server_new2(&session, callbacks, side, side->session_options)
                    : nghttp2_session_client_new2(&session, callbacks, side, side->session_options);
    nghttp2_session_callbacks_del(callbacks);
    assert_int_equal(error, 0);
    return session;
}

void http2_start(struct http2_side *side, bool server)
{
    static const struct hark_nghttp2_events events = {.connected = connected, .closed = closed};
    nghttp2_session *session = session_new(side, server);
    nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, HTTP2_STREAMS_MAX},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, side->window}};
    assert_int_equal(
        nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, side->window ? 2 : 1), 0);
    if (side->window)
        assert_int_equal(nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                                               (int32_t)side->window),
                         0);
    hark_nghttp2_start(&side->http2, session, &events);
}

static void open_side(struct hark_loop *loop, struct http2_side *side, int fd, bool server)
{
    static const int on = 1;
    side->loop = loop;
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
    hark_stream_open(loop, &side->http2.stream, fd, side->options, hark_nghttp2_stream_events());
    http2_start(side, server);
}

void http2_serve(struct hark_loop *loop, struct http2_side *side, int fd)
{
    open_side(loop, side, fd, true);
}

void http2_talk(struct hark_loop *loop, struct http2_side *side, int fd)
{
    open_side(loop, side, fd, false);
}

int http2_connect(struct hark_loop *loop, struct http2_side *side,
                  const struct hark_address *address)
{
    side->loop = loop;
    int error = hark_stream_connect(loop, &side->http2.stream, address, side->options,
                                    hark_nghttp2_stream_events());
    if (error == 0)
        http2_start(side, false);
    return error;
}

void http2_pair(struct hark_loop *loop, struct http2_side *server, struct http2_side *client)
{
    int pair[2];
    harness_tcp_pair(loop, pair);
    http2_serve(loop, server, pair[0]);
    http2_talk(loop, client, pair[1]);
}

static int32_t request(struct http2_side *client, const char *method, const char *path,
                       uint64_t bytes)
{
    const nghttp2_nv headers[] = {header(":method", method), header(":scheme", "http"),
                                  header(":authority", "localhost"), header(":path", path)};
    struct http2_exchange *exchange = exchange_new(client);
    nghttp2_data_provider body = body_of(exchange);
    exchange->to_give = bytes;
    exchange->never = strcmp(path, "/never") == 0;
    exchange->id = nghttp2_submit_request(client->http2.session, NULL, headers, 4,
                                          bytes ? &body : NULL, exchange);
    assert_true(exchange->id > 0);
    return exchange->id;
}

int32_t http2_get(struct http2_side *client, const char *path)
{
    return request(client, "GET", path, 0);
}

int32_t http2_post(struct http2_side *client, uint64_t bytes)
{
    return request(client, "POST", "/", bytes);
}

void http2_end(struct http2_side *side)
{
    int32_t last = nghttp2_session_get_last_proc_stream_id(side->http2.session);
    assert_int_equal(nghttp2_submit_goaway(side->http2.session, NGHTTP2_FLAG_NONE, last,
                                           NGHTTP2_NO_ERROR, NULL, 0),
                     0);
    hark_nghttp2_send(&side->http2);
}

void http2_terminate(struct http2_side *side)
{
    assert_int_equal(nghttp2_session_terminate_session(side->http2.session, NGHTTP2_NO_ERROR), 0);
    hark_nghttp2_send(&side->http2);
}
#else
typedef int there_is_no_nghttp2;
#endif
