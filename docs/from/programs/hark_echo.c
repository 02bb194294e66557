/* hark_echo.c - an echo server: listener and stream. */
#include <hark.h>

#include <stdio.h>
#include <stdlib.h>

/* --- the server --- */
static void received(struct hark_stream *stream, const void *bytes, int64_t count)
{
    if (count < 0 || (count > 0 && hark_stream_write(stream, bytes, (size_t)count) < 0))
        hark_stream_close(stream);
    else if (count == 0)
        hark_stream_close_after_sending(stream);
}

static void closed(struct hark_stream *stream)
{
    free(stream);
}

static const struct hark_stream_events events = {.received = received, .closed = closed};

static void accepted(struct hark_listener *listener, int fd)
{
    struct hark_stream *stream = calloc(1, sizeof *stream);
    if (!stream) {
        hark_os_close(listener->loop, fd);
        return;
    }
    hark_stream_open(listener->loop, stream, fd, NULL, &events);
    hark_stream_read_start(stream);
}

static const struct hark_listener_events listening = {.accepted = accepted};
/* --- so far --- */

int main(void)
{
    static struct hark_listener listener;
    struct hark_loop *loop;
    struct hark_address address;
    char text[HARK_ADDRESS_TEXT_MAX];

    if (hark_address_parse("127.0.0.1:0", &address) < 0 || hark_loop_create(NULL, &loop) < 0 ||
        hark_listener_open(loop, &listener, &address, 0, 0, &listening) < 0 ||
        hark_listener_address(&listener, &address) < 0)
        return 1;
    printf("listening on %s\n", hark_address_format(&address, text, sizeof text));
    fflush(stdout);
    return hark_run(loop) < 0;
}
