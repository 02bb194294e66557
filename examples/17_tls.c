/* 17_tls.c - an echo server and its client, over TLS.
 *
 * Shows: a stream over TLS is a stream: `connected` tells how the handshake has ended, and all else
 * is as in 07_back_pressure.c. The client takes only a server whose certificate is for the name
 * that it was asked to connect to; hark_tls_why says why not. SIGHUP has the server read its
 * certificate anew, on the pool: connections go on, new ones get the new one.
 *
 * Try:   openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost \
 *            -addext subjectAltName=DNS:localhost -keyout server.key -out server.pem
 *        ./17_tls 7000 server.pem server.key &
 *        ./17_tls localhost 7000 server.pem hello
 *        openssl s_client -connect localhost:7000 -CAfile server.pem
 */
#include "hark.h"
#include "hark/tls.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)

static const struct hark_stream_options limits = {.queue_bytes_max = 256 * 1024,
                                                  .connect_timeout_ns = 10 * SECOND,
                                                  .write_timeout_ns = 30 * SECOND};

static void say(const struct hark_stream *stream, const char *what, int64_t error)
{
    const char *why = hark_tls_why(stream);
    fprintf(stderr, "17_tls: %s: %s\n", what, why[0] ? why : hark_error_text(error));
}

/* --- the server --- */

static struct server {
    struct hark_listener listener;
    struct hark_op hangup;
    struct hark_tls *tls;
    struct hark_tls_certificate certificate;
    struct hark_tls_options options;
    struct hark_tls_reload reload;
} server;

static void echo_connected(struct hark_stream *stream, int error)
{
    if (error < 0) {
        say(stream, "refused", error);
        hark_stream_close(stream);
    }
}

static void echo_received(struct hark_stream *stream, const void *bytes, int64_t count)
{
    if (count > 0) {
        if (hark_stream_write(stream, bytes, (size_t)count) != 0)
            hark_stream_read_stop(stream); /* it reads too slowly: `drained` goes on */
    } else if (count == 0) {
        hark_stream_close_after_sending(stream);
    } else {
        say(stream, "lost", count);
        hark_stream_close(stream);
    }
}

static void echo_drained(struct hark_stream *stream)
{
    hark_stream_read_start(stream);
}

static void echo_failed(struct hark_stream *stream, int error)
{
    say(stream, "lost", error);
    hark_stream_close(stream);
}

static void echo_closed(struct hark_stream *stream)
{
    free(stream);
}

static void accepted(struct hark_listener *listener, int fd)
{
    static const struct hark_stream_events events = {
        .connected = echo_connected,
        .received = echo_received,
        .drained = echo_drained,
        .failed = echo_failed,
        .closed = echo_closed,
    };
    struct hark_stream *stream = calloc(1, sizeof *stream);
    if (!stream ||
        hark_stream_open_tls(listener->loop, stream, fd, server.tls, NULL, &limits, &events) < 0) {
        free(stream);
        hark_os_close(listener->loop, fd);
        return;
    }
    hark_stream_read_start(stream); /* from the end of the handshake on */
}

static void reloaded(struct hark_tls_reload *reload, int error)
{
    if (error)
        fprintf(stderr, "17_tls: the old certificate stays: %s\n", reload->error.text);
    else
        printf("a new certificate\n");
}

static void hung_up(struct hark_op *op, int64_t result)
{
    (void)result;
    if (!hark_op_active(&server.reload.op))
        hark_tls_reload_start(op->loop, &server.reload, server.tls, &server.options, reloaded);
}

static int serve(struct hark_loop *loop, const char *port, const char *chain, const char *key)
{
    static const struct hark_listener_events listening = {.accepted = accepted};
    struct hark_tls_error why;
    struct hark_address address;
    char text[HARK_ADDRESS_TEXT_MAX];
    int error;

    server.certificate = (struct hark_tls_certificate){.chain_file = chain, .key_file = key};
    server.options = (struct hark_tls_options){
        .server = true, .certificates = &server.certificate, .certificate_count = 1};
    if (hark_tls_create(&server.options, &server.tls, &why) < 0) {
        fprintf(stderr, "17_tls: %s\n", why.text);
        return 1;
    }
    snprintf(text, sizeof text, "127.0.0.1:%s", port);
    if ((error = hark_address_parse(text, &address)) < 0 ||
        (error = hark_listener_open(loop, &server.listener, &address, 0, HARK_LISTEN_NO_DELAY,
                                    &listening)) < 0 ||
        (error = hark_listener_address(&server.listener, &address)) < 0) {
        fprintf(stderr, "17_tls: cannot listen on %s: %s\n", text, hark_error_text(error));
        return 1;
    }
    hark_signal_each(loop, &server.hangup, SIGHUP, hung_up);
    printf("listening on %s\n", hark_address_format(&address, text, sizeof text));
    hark_run(loop); /* until Ctrl-C */
    return 1;
}

/* --- the client --- */

static struct client {
    struct hark_stream stream;
    int code; /* of the program's end */
} client;

static void give_up(struct hark_stream *stream, int64_t error)
{
    say(stream, "cannot talk", error);
    client.code = 1;
    hark_stream_close(stream);
}

static void connected(struct hark_stream *stream, int error)
{
    if (error < 0)
        give_up(stream, error);
    else
        fprintf(stderr, "17_tls: %s, %s\n", hark_tls_version(stream), hark_tls_cipher(stream));
}

static void received(struct hark_stream *stream, const void *bytes, int64_t count)
{
    if (count > 0)
        (void)fwrite(bytes, 1, (size_t)count, stdout);
    else if (count == 0)
        hark_stream_close(stream);
    else
        give_up(stream, count);
}

static void failed(struct hark_stream *stream, int error)
{
    give_up(stream, error);
}

static void closed(struct hark_stream *stream)
{
    (void)stream; /* it is static */
}

static int ask(struct hark_loop *loop, char **arguments)
{
    static const struct hark_stream_events events = {
        .connected = connected, .received = received, .failed = failed, .closed = closed};
    const struct hark_stream_name name = {.host = arguments[0], .service = arguments[1]};
    const struct hark_tls_options options = {.ca_file = arguments[2]};
    struct hark_tls_error why;
    struct hark_tls *tls;

    if (hark_tls_create(&options, &tls, &why) < 0) {
        fprintf(stderr, "17_tls: %s\n", why.text);
        return 1;
    }
    int error = hark_stream_connect_tls(loop, &client.stream, &name, tls, NULL, &limits, &events);
    if (error == 0) {
        hark_stream_read_start(&client.stream);
        hark_stream_write(&client.stream, arguments[3], strlen(arguments[3]));
        hark_stream_end(&client.stream);
        error = hark_run(loop);
    }
    hark_tls_destroy(tls);
    return error < 0 ? 1 : client.code;
}

int main(int count, char **arguments)
{
    struct hark_loop *loop;
    int error, code;

    if (count != 4 && count != 5) {
        fprintf(stderr, "usage: 17_tls PORT CHAIN KEY\n       17_tls HOST PORT CA TEXT\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    if ((error = hark_loop_create(NULL, &loop)) < 0) {
        fprintf(stderr, "17_tls: cannot make a loop: %s\n", hark_error_text(error));
        return 1;
    }
    code = count == 4 ? serve(loop, arguments[1], arguments[2], arguments[3])
                      : ask(loop, arguments + 1);
    hark_loop_destroy(loop);
    return code;
}
