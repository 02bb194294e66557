/* 16_name.c - connects to a host by its name, and prints what it says.
 *
 * Shows: hark_stream_connect_name looks the name up on the pool and tries its addresses, IPv6 and
 * IPv4 in turns, until one answers. What was asked for before that waits: here, reading. One
 * deadline holds for all of it. No thread of the program's blocks meanwhile.
 *
 * Try:   ./16_name localhost 22              what an SSH server says of itself
 *        ./16_name localhost 12345 hello     says that first, and then no more
 */
#include "hark.h"
#include <stdio.h>
#include <string.h>

static struct conversation {
    struct hark_stream stream;
    const char *host, *service;
    int code; /* of the program's end */
} conversation;

static void give_up(struct hark_stream *stream, int64_t error)
{
    fprintf(stderr, "16_name: %s, port %s: %s\n", conversation.host, conversation.service,
            hark_error_text(error));
    conversation.code = 1;
    hark_stream_close(stream);
}

static void connected(struct hark_stream *stream, int error)
{
    if (error)
        give_up(stream, error);
    else
        (void)fprintf(stderr, "16_name: connected to %s\n", conversation.host);
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

static const struct hark_stream_events events = {
    .connected = connected,
    .received = received,
    .failed = failed,
    .closed = closed,
};

int main(int count, char **arguments)
{
    static const struct hark_stream_options options = {.connect_timeout_ns = 10000000000};
    struct hark_loop *loop;
    int error;

    if (count < 3 || count > 4) {
        fprintf(stderr, "usage: 16_name HOST PORT [TEXT]\n");
        return 2;
    }
    conversation.host = arguments[1];
    conversation.service = arguments[2];
    const struct hark_stream_name name = {.host = arguments[1], .service = arguments[2]};
    if ((error = hark_loop_create(NULL, &loop)) < 0) {
        fprintf(stderr, "16_name: cannot make a loop: %s\n", hark_error_text(error));
        return 1;
    }
    error = hark_stream_connect_name(loop, &conversation.stream, &name, &options, &events);
    if (error == 0) {
        hark_stream_read_start(&conversation.stream);
        if (count == 4)
            hark_stream_write(&conversation.stream, arguments[3], strlen(arguments[3]));
        if (count == 4)
            hark_stream_end(&conversation.stream);
        error = hark_run(loop);
    }
    if (error < 0) {
        fprintf(stderr, "16_name: %s\n", hark_error_text(error));
        conversation.code = 1;
    }
    hark_loop_destroy(loop);
    return conversation.code;
}
