/* 07_back_pressure.c - send much to a client that reads when it likes, in bounded memory.
 *
 * Shows: hark_listener and hark_stream, the conveniences over the requests. hark_stream_write
 * copies into a bounded queue and gives 1 when it has reached its high mark: the producer pauses.
 * `drained` comes once the client has read enough: it goes on. So the client sets the speed, and a
 * slow one costs no more memory than a fast one.
 *
 * Try:   ./07_back_pressure 7000 1000000 &
 *        nc 127.0.0.1 7000 | tail -1
 *        nc 127.0.0.1 7000 | (sleep 10; wc -l)      look at the server's memory meanwhile
 */
#include "hark.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SECOND UINT64_C(1000000000)

static uint64_t lines_wanted = 1000000;

static const struct hark_stream_options limits = {
    .queue_bytes_max = 64 * 1024,
    .high_bytes = 32 * 1024,
    .low_bytes = 8 * 1024,
    .write_timeout_ns = 60 * SECOND, /* a client that reads nothing for so long has gone */
};

struct client {
    struct hark_stream stream;
    uint64_t lines, pauses;
    size_t queued_most;
};

/* Writes until the stream says that it is enough. */
static void client_write(struct client *client)
{
    char line[32];

    while (client->lines < lines_wanted) {
        int length = snprintf(line, sizeof line, "%" PRIu64 "\n", client->lines + 1);
        int full = hark_stream_write(&client->stream, line, (size_t)length);

        if (full < 0)
            return hark_stream_close(&client->stream);
        client->lines++;
        if (hark_stream_queued(&client->stream) > client->queued_most)
            client->queued_most = hark_stream_queued(&client->stream);
        if (full) {
            client->pauses++;
            return; /* `drained` goes on from here */
        }
    }
    hark_stream_close_after_sending(&client->stream);
}

static void drained(struct hark_stream *stream)
{
    client_write(hark_container_of(stream, struct client, stream));
}

static void failed(struct hark_stream *stream, int error)
{
    fprintf(stderr, "07_back_pressure: a client was lost: %s\n", hark_error_text(error));
    hark_stream_close(stream);
}

static void closed(struct hark_stream *stream)
{
    struct client *client = hark_container_of(stream, struct client, stream);

    printf("sent %" PRIu64 " lines, paused %" PRIu64 " times, queued %zu bytes at most\n",
           client->lines, client->pauses, client->queued_most);
    free(client);
}

static const struct hark_stream_events events = {
    .drained = drained, .failed = failed, .closed = closed};

static void accepted(struct hark_listener *listener, int fd)
{
    struct client *client = calloc(1, sizeof *client);

    if (!client) {
        hark_os_close(listener->loop, fd);
        return;
    }
    hark_stream_open(listener->loop, &client->stream, fd, &limits, &events);
    client_write(client);
}

static const struct hark_listener_events listening = {.accepted = accepted};

int main(int count, char **arguments)
{
    static struct hark_listener listener;
    struct hark_address address;
    struct hark_loop *loop = NULL;
    char text[HARK_ADDRESS_TEXT_MAX];
    int error;

    setvbuf(stdout, NULL, _IOLBF, 0);
    snprintf(text, sizeof text, "127.0.0.1:%s", count > 1 ? arguments[1] : "7000");
    if (count > 2)
        lines_wanted = strtoull(arguments[2], NULL, 10);
    if ((error = hark_address_parse(text, &address)) < 0 ||
        (error = hark_loop_create(NULL, &loop)) < 0 ||
        (error = hark_listener_open(loop, &listener, &address, 0, 0, &listening)) < 0 ||
        (error = hark_listener_address(&listener, &address)) < 0) {
        fprintf(stderr, "07_back_pressure: cannot listen on %s: %s\n", text,
                hark_error_text(error));
        return 1;
    }
    printf("listening on %s\n", hark_address_format(&address, text, sizeof text));
    return hark_run(loop) < 0; /* until Ctrl-C */
}
