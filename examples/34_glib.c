/* 34_glib.c - a server inside of GLib's main loop: the main loop ticks, hark's loop serves.
 *
 * Shows: a hark loop as a GSource. Callbacks of both come from g_main_loop_run, in one thread, so
 * they may use the same variables; nothing is asked for again and again.
 *
 * Try:   ./34_glib 7000 &          then, in other terminals:
 *        nc 127.0.0.1 7000         says how often the main loop has ticked
 *        kill %1
 */
#include "hark.h"
#include "hark/adapters/glib.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct server {
    struct hark_listener listener;
    unsigned ticks, guests;
    bool closed;
} server;

/* --- hark's side --- */

static void stream_ended(struct hark_stream *stream, const void *bytes, int64_t count)
{
    (void)bytes;
    if (count <= 0)
        hark_stream_close(stream);
}

static void stream_failed(struct hark_stream *stream, int error)
{
    (void)error;
    hark_stream_close(stream);
}

static void stream_closed(struct hark_stream *stream)
{
    free(stream);
    server.guests--;
}

static const struct hark_stream_events guests = {
    .received = stream_ended, .failed = stream_failed, .closed = stream_closed};

static void accepted(struct hark_listener *listener, int fd)
{
    struct hark_stream *stream = calloc(1, sizeof *stream);
    char text[64];

    if (!stream) {
        hark_os_close(listener->loop, fd);
        return;
    }
    server.guests++;
    hark_stream_open(listener->loop, stream, fd, NULL, &guests);
    hark_stream_read_start(stream);
    snprintf(text, sizeof text, "%u ticks so far\n", server.ticks);
    if (hark_stream_write(stream, text, strlen(text)) < 0)
        hark_stream_close(stream);
}

static void listener_closed(struct hark_listener *listener)
{
    (void)listener;
    server.closed = true;
}

/* --- GLib's side --- */

static gboolean tick(gpointer nothing)
{
    (void)nothing;
    server.ticks++;
    return G_SOURCE_CONTINUE;
}

static gboolean terminate(gpointer main_loop)
{
    g_main_loop_quit(main_loop);
    return G_SOURCE_CONTINUE;
}

static void serve(struct hark_loop *loop, GSource *source)
{
    GMainLoop *main_loop = g_main_loop_new(NULL, FALSE);

    g_source_attach(source, NULL);
    g_timeout_add(10, tick, NULL);
    g_unix_signal_add(SIGTERM, terminate, main_loop);
    g_main_loop_run(main_loop);
    g_main_loop_unref(main_loop);
    g_source_destroy(source);
    printf("ending after %s, %u guests left\n", server.ticks ? "some ticks" : "none",
           server.guests);

    /* The loop is the program's own again, and ends by itself. */
    hark_listener_close(&server.listener);
    hark_cancel_all(loop);
    hark_run(loop);
    printf("%s\n", server.closed ? "ended cleanly" : "the listener is open");
}

int main(int count, char **arguments)
{
    static const struct hark_listener_events listening = {.accepted = accepted,
                                                          .closed = listener_closed};
    struct hark_address address;
    struct hark_loop *loop = NULL;
    char text[HARK_ADDRESS_TEXT_MAX];
    GSource *source = NULL;
    int error;

    setvbuf(stdout, NULL, _IOLBF, 0);
    snprintf(text, sizeof text, "127.0.0.1:%s", count > 1 ? arguments[1] : "7000");
    if ((error = hark_address_parse(text, &address)) < 0 ||
        (error = hark_loop_create(NULL, &loop)) < 0 ||
        (error = hark_listener_open(loop, &server.listener, &address, 0, 0, &listening)) < 0 ||
        (error = hark_listener_address(&server.listener, &address)) < 0) {
        fprintf(stderr, "34_glib: cannot listen on %s: %s\n", text, hark_error_text(error));
        return 1;
    }
    source = hark_glib_source_new(loop);
    if (!source) { /* poll and select have no descriptor that another loop could wait for */
        fprintf(stderr, "34_glib: the backend %s cannot be inside of another loop\n",
                hark_loop_backend(loop));
        return 1;
    }
    printf("listening on %s\n", hark_address_format(&address, text, sizeof text));
    serve(loop, source);
    g_source_unref(source);
    return hark_loop_destroy(loop) < 0;
}
