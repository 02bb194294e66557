/* 09_signals.c - a server that answers to signals, and ends cleanly.
 *
 * Shows: hark_signal_each turns signals into callbacks in which everything is allowed. SIGHUP reads
 * the greeting anew. SIGTERM or Ctrl-C stops accepting and lets the open connections finish, for
 * five seconds at most; then hark_cancel_all ends whatever is left. hark_run returns once nothing
 * is in flight, and the loop can be destroyed.
 *
 * Try:   ./09_signals 7000 &      then:
 *        nc 127.0.0.1 7000        greets, and sends back what is typed
 *        kill -HUP %1; kill -TERM %1
 */
#include "hark.h"
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct server {
    struct hark_listener listener;
    struct hark_op hangup, interrupt, terminate, patience;
    uint64_t connections, greeting;
    bool ending;
} server;

static void server_check_end(void)
{
    if (server.ending && server.connections == 0)
        hark_cancel(&server.patience); /* the last request */
}

static void stream_received(struct hark_stream *stream, const void *bytes, int64_t count)
{
    if (count < 0 || (count > 0 && hark_stream_write(stream, bytes, (size_t)count) < 0))
        hark_stream_close(stream);
    else if (count == 0)
        hark_stream_close_after_sending(stream);
}

static void stream_failed(struct hark_stream *stream, int error)
{
    (void)error;
    hark_stream_close(stream);
}

static void stream_closed(struct hark_stream *stream)
{
    free(stream);
    server.connections--;
    server_check_end();
}

static const struct hark_stream_events events = {
    .received = stream_received, .failed = stream_failed, .closed = stream_closed};

static void accepted(struct hark_listener *listener, int fd)
{
    struct hark_stream *stream = calloc(1, sizeof *stream);
    char hello[64];

    if (!stream) {
        hark_os_close(listener->loop, fd);
        return;
    }
    server.connections++;
    hark_stream_open(listener->loop, stream, fd, NULL, &events);
    snprintf(hello, sizeof hello, "hello number %" PRIu64 "\n", server.greeting);
    if (hark_stream_write(stream, hello, strlen(hello)) < 0)
        hark_stream_close(stream);
    hark_stream_read_start(stream);
}

static const struct hark_listener_events listening = {.accepted = accepted};

static void hung_up(struct hark_op *op, int64_t result)
{
    if (hark_op_more(op) && result == SIGHUP)
        printf("greeting %" PRIu64 "\n", ++server.greeting);
}

static void patience_ended(struct hark_op *op, int64_t result)
{
    if (result == 0) {
        printf("%" PRIu64 " connections were cut\n", server.connections);
        hark_cancel_all(op->loop);
    }
}

static void asked_to_end(struct hark_op *op, int64_t result)
{
    if (!hark_op_more(op) || server.ending)
        return;
    printf("ending: signal %d, %" PRIu64 " connections open\n", (int)result, server.connections);
    server.ending = true;
    hark_listener_close(&server.listener);
    hark_cancel(&server.hangup);
    hark_cancel(&server.interrupt);
    hark_cancel(&server.terminate); /* from here on the signals do what they do by default: a second
                                       Ctrl-C kills */
    hark_sleep(op->loop, &server.patience, UINT64_C(5000000000), patience_ended);
    server_check_end();
}

int main(int count, char **arguments)
{
    struct hark_address address;
    struct hark_loop *loop = NULL;
    char text[HARK_ADDRESS_TEXT_MAX];
    int error;

    setvbuf(stdout, NULL, _IOLBF, 0);
    snprintf(text, sizeof text, "127.0.0.1:%s", count > 1 ? arguments[1] : "7000");
    if ((error = hark_address_parse(text, &address)) < 0 ||
        (error = hark_loop_create(NULL, &loop)) < 0 ||
        (error = hark_listener_open(loop, &server.listener, &address, 0, 0, &listening)) < 0 ||
        (error = hark_listener_address(&server.listener, &address)) < 0) {
        fprintf(stderr, "09_signals: cannot listen on %s: %s\n", text, hark_error_text(error));
        return 1;
    }
    hark_signal_each(loop, &server.hangup, SIGHUP, hung_up);
    hark_signal_each(loop, &server.interrupt, SIGINT, asked_to_end);
    hark_signal_each(loop, &server.terminate, SIGTERM, asked_to_end);
    printf("listening on %s\n", hark_address_format(&address, text, sizeof text));
    error = hark_run(loop);
    if (error >= 0)
        error = hark_loop_destroy(loop); /* -EBUSY if anything were left */
    printf("%s\n", error < 0 ? hark_error_text(error) : "ended cleanly");
    return error < 0;
}
