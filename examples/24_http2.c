/* 24_http2.c - an HTTP/2 server, with nghttp2: over TLS, or in plain with prior knowledge.
 *
 * Shows: nghttp2 speaks the protocol, the adapter moves its bytes: what a slow client does not read
 * is not made (`give_bytes` is asked for more when there is room). GET /N gives N bytes, GET /never
 * nothing, and a POST as many bytes as it has brought. Limits and deadlines bound what a client can
 * do. Ctrl-C ends it orderly: every client is told with a GOAWAY, and what it has asked for is
 * finished.
 *
 * Try:   ./24_http2 8080 &
 *        curl --http2-prior-knowledge http://127.0.0.1:8080/1000 | wc -c
 *        h2load -n 100000 -c 10 -m 10 http://127.0.0.1:8080/100
 *        ./24_http2 8443 server.pem server.key      see 17_tls.c for how to make the two
 *        curl --cacert server.pem https://localhost:8443/1000 | wc -c
 */
#include "hark.h"
#include "hark/adapters/nghttp2.h"
#include "hark/tls.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)

enum { STREAMS_MAX = 100 };

static const struct hark_stream_options limits = {.queue_bytes_max = 256 * 1024,
                                                  .connect_timeout_ns = 10 * SECOND,
                                                  .read_timeout_ns = 60 * SECOND,
                                                  .write_timeout_ns = 30 * SECOND};

/* A request and its answer. */
struct request {
    struct request *next, **link;
    bool posts;
    bool never;     /* is answered by nothing */
    uint64_t count; /* of the bytes that are to be given */
};

struct connection {
    struct hark_nghttp2 http2;
    struct connection *next, **link;
    struct request *requests; /* those that are open: nghttp2 does not tell of their ends with the
                                 connection's */
};

static struct server {
    struct hark_listener listener;
    struct hark_op interrupt, terminate;
    struct hark_tls *tls; /* NULL: in plain */
    nghttp2_session_callbacks *callbacks;
    struct connection *connections;
} server;

/* --- requests --- */

static ssize_t give_bytes(nghttp2_session *session, int32_t id, uint8_t *buffer, size_t room,
                          uint32_t *flags, nghttp2_data_source *source, void *context)
{
    struct request *request = source->ptr;
    size_t count = request->count < room ? (size_t)request->count : room;

    (void)session;
    (void)id;
    (void)context;
    memset(buffer, 'h', count);
    request->count -= count;
    if (request->count == 0)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)count;
}

static int answer(nghttp2_session *session, int32_t id, struct request *request)
{
    static const nghttp2_nv headers[] = {
        {(uint8_t *)":status", (uint8_t *)"200", 7, 3, NGHTTP2_NV_FLAG_NONE},
        {(uint8_t *)"content-type", (uint8_t *)"text/plain", 12, 10, NGHTTP2_NV_FLAG_NONE},
    };
    nghttp2_data_provider body = {.source.ptr = request, .read_callback = give_bytes};

    return nghttp2_submit_response(session, id, headers, 2, &body);
}

/* From here on a callback that gives NGHTTP2_ERR_CALLBACK_FAILURE ends the connection. */
static int began_headers(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct connection *connection = context;
    struct request *request;

    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    request = calloc(1, sizeof *request);
    if (!request)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    request->link = &connection->requests;
    request->next = connection->requests;
    if (request->next)
        request->next->link = &request->next;
    connection->requests = request;
    return nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, request);
}

static int have_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                       size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags,
                       void *context)
{
    struct request *request = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    const char *text = (const char *)value; /* nghttp2 ends it with a zero */

    (void)name_length;
    (void)value_length;
    (void)flags;
    (void)context;
    if (!request)
        return 0;
    if (strcmp((const char *)name, ":method") == 0)
        request->posts = strcmp(text, "POST") == 0;
    if (strcmp((const char *)name, ":path") == 0) {
        request->never = strcmp(text, "/never") == 0;
        request->count = strtoull(text + (text[0] == '/'), NULL, 10);
    }
    return 0;
}

static int have_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
                     size_t count, void *context)
{
    struct request *request = nghttp2_session_get_stream_user_data(session, id);

    (void)flags;
    (void)bytes;
    (void)context;
    if (request && request->posts)
        request->count += count;
    return 0;
}

static int have_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct request *request = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

    (void)context;
    if (!request || request->never || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        return 0;
    return answer(session, frame->hd.stream_id, request) == 0 ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static void forget(struct request *request)
{
    *request->link = request->next;
    if (request->next)
        request->next->link = request->link;
    free(request);
}

static int stream_closed(nghttp2_session *session, int32_t id, uint32_t code, void *context)
{
    struct request *request = nghttp2_session_get_stream_user_data(session, id);

    (void)code;
    (void)context;
    if (request)
        forget(request);
    return 0;
}

/* --- connections --- */

/* Over TLS a client may have agreed on another protocol, or on none. */
static void connected(struct hark_nghttp2 *http2)
{
    const char *agreed = hark_tls_alpn(&http2->stream);

    if (!agreed || strcmp(agreed, "h2") != 0)
        hark_nghttp2_close(http2);
}

static void closed(struct hark_nghttp2 *http2, int error)
{
    struct connection *connection = hark_container_of(http2, struct connection, http2);

    /* Clients leave without a GOAWAY, and over TLS without close_notify. */
    if (error < 0 && error != NGHTTP2_ERR_EOF && error != -ECONNABORTED)
        fprintf(stderr, "24_http2: lost: %s\n", hark_nghttp2_error_text(error));
    for (struct request *each = connection->requests, *next; each; each = next) {
        next = each->next;
        free(each);
    }
    *connection->link = connection->next;
    if (connection->next)
        connection->next->link = connection->link;
    free(connection);
}

static int open_session(struct connection *connection, nghttp2_session **out_session)
{
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS_MAX}};
    int error = nghttp2_session_server_new(out_session, server.callbacks, connection);

    if (error == 0 &&
        (error = nghttp2_submit_settings(*out_session, NGHTTP2_FLAG_NONE, settings, 1)) < 0)
        nghttp2_session_del(*out_session);
    return error;
}

static int open_stream(struct hark_loop *loop, struct hark_stream *stream, int fd)
{
    if (server.tls)
        return hark_stream_open_tls(loop, stream, fd, server.tls, NULL, &limits,
                                    hark_nghttp2_stream_events());
    hark_stream_open(loop, stream, fd, &limits, hark_nghttp2_stream_events());
    return 0;
}

static void accepted(struct hark_listener *listener, int fd)
{
    static const struct hark_nghttp2_events plain = {.closed = closed};
    static const struct hark_nghttp2_events over_tls = {.connected = connected, .closed = closed};
    struct connection *connection = calloc(1, sizeof *connection);
    nghttp2_session *session = NULL;
    int error = connection ? open_session(connection, &session) : NGHTTP2_ERR_NOMEM;

    if (error == 0 && (error = open_stream(listener->loop, &connection->http2.stream, fd)) < 0)
        nghttp2_session_del(session);
    if (error < 0) {
        fprintf(stderr, "24_http2: a client is refused: %s\n", hark_nghttp2_error_text(error));
        free(connection);
        hark_os_close(listener->loop, fd);
        return;
    }
    connection->link = &server.connections;
    connection->next = server.connections;
    if (connection->next)
        connection->next->link = &connection->next;
    server.connections = connection;
    hark_nghttp2_start(&connection->http2, session, server.tls ? &over_tls : &plain);
}

/* --- the server --- */

/* From here on the signals do what they do by default: a second Ctrl-C kills. */
static void asked_to_end(struct hark_op *op, int64_t result)
{
    (void)op;
    if (result < 0)
        return;
    hark_listener_close(&server.listener);
    hark_cancel(&server.interrupt);
    hark_cancel(&server.terminate);
    for (struct connection *each = server.connections; each; each = each->next) {
        nghttp2_session *session = each->http2.session;
        nghttp2_submit_goaway(session, NGHTTP2_FLAG_NONE,
                              nghttp2_session_get_last_proc_stream_id(session), NGHTTP2_NO_ERROR,
                              NULL, 0);
        hark_nghttp2_send(&each->http2); /* one that has nothing to finish ends, in a later turn */
    }
}

static int listen_on(struct hark_loop *loop, const char *port)
{
    static const struct hark_listener_events listening = {.accepted = accepted};
    struct hark_address address;
    char text[HARK_ADDRESS_TEXT_MAX];
    int error;

    snprintf(text, sizeof text, "127.0.0.1:%s", port);
    if ((error = hark_address_parse(text, &address)) < 0 ||
        (error = hark_listener_open(loop, &server.listener, &address, 0, HARK_LISTEN_NO_DELAY,
                                    &listening)) < 0 ||
        (error = hark_listener_address(&server.listener, &address)) < 0) {
        fprintf(stderr, "24_http2: cannot listen on %s: %s\n", text, hark_error_text(error));
        return error;
    }
    printf("listening on %s\n", hark_address_format(&address, text, sizeof text));
    return 0;
}

static int read_certificate(const char *chain, const char *key)
{
    static const char *const protocols[] = {"h2"};
    const struct hark_tls_certificate certificate = {.chain_file = chain, .key_file = key};
    const struct hark_tls_options options = {.server = true,
                                             .certificates = &certificate,
                                             .certificate_count = 1,
                                             .alpn = protocols,
                                             .alpn_count = 1};
    struct hark_tls_error why;
    int error = hark_tls_create(&options, &server.tls, &why);

    if (error < 0)
        fprintf(stderr, "24_http2: %s\n", why.text);
    return error;
}

static int serve(struct hark_loop *loop, int count, char **arguments)
{
    int error = nghttp2_session_callbacks_new(&server.callbacks);

    if (error < 0)
        return error;
    nghttp2_session_callbacks_set_on_begin_headers_callback(server.callbacks, began_headers);
    nghttp2_session_callbacks_set_on_header_callback(server.callbacks, have_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(server.callbacks, have_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(server.callbacks, have_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(server.callbacks, stream_closed);
    if (count == 4)
        error = read_certificate(arguments[2], arguments[3]);
    if (error == 0 && (error = listen_on(loop, arguments[1])) == 0) {
        hark_signal_each(loop, &server.interrupt, SIGINT, asked_to_end);
        hark_signal_each(loop, &server.terminate, SIGTERM, asked_to_end);
        error = hark_run(loop);
    }
    hark_tls_destroy(server.tls);
    nghttp2_session_callbacks_del(server.callbacks);
    return error;
}

int main(int count, char **arguments)
{
    struct hark_loop *loop;
    int error;

    if (count != 2 && count != 4) {
        fprintf(stderr, "usage: 24_http2 PORT [CHAIN KEY]\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    if ((error = hark_loop_create(NULL, &loop)) < 0) {
        fprintf(stderr, "24_http2: cannot make a loop: %s\n", hark_error_text(error));
        return 1;
    }
    error = serve(loop, count, arguments);
    hark_loop_destroy(loop);
    return error < 0 ? 1 : 0;
}
