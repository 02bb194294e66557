/* 10_group.c - a server on all cores: it numbers the lines that its clients send, all of them
 * together.
 *
 * Shows: hark_group runs a loop on each core, on a thread of its own. hark_group_listen opens one
 * address for all, and the kernel spreads the connections. Loops share nothing: the count belongs
 * to loop 0 alone, and the others ask for numbers by hark_message. A message is an op inside the
 * connection's own struct; whoever has the op has the struct, so there is no lock. At SIGTERM or
 * Ctrl-C hark_group_stop ends the run, and further runs end what is still in flight.
 *
 * Try:   ./10_group 7000 &        then, as often as you like:
 *        nc 127.0.0.1 7000        a number comes back for each line
 */
#include "hark.h"
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOOPS_MAX = 1024 };

static struct hark_group *group;
static uint64_t lines_total; /* loop 0's */
static struct place {        /* each its loop's */
    struct hark_listener listener;
    uint64_t connections;
    int fd;
} places[LOOPS_MAX];
static struct hark_op interrupt, terminate;

struct session {
    struct hark_stream stream;
    struct hark_op message;
    struct hark_loop *home;
    uint64_t asking;       /* lines that wait for the next message */
    uint64_t lines, first; /* lines in the message, and the first one's number: whoever has the
                              message may touch them */
    bool away, closed;
};

static void numbers_came(struct hark_op *op, int64_t result);

/* On loop 0. */
static void numbers_asked(struct hark_op *op, int64_t result)
{
    struct session *session = hark_container_of(op, struct session, message);

    (void)result;
    session->first = lines_total + 1;
    lines_total += session->lines;
    hark_message(op->loop, op, session->home, numbers_came);
}

static void ask(struct session *session)
{
    if (session->asking == 0 || session->away)
        return;
    session->away = true;
    session->lines = session->asking;
    session->asking = 0;
    hark_message(session->home, &session->message, hark_group_loop(group, 0), numbers_asked);
}

/* Back on the connection's own loop. */
static void numbers_came(struct hark_op *op, int64_t result)
{
    struct session *session = hark_container_of(op, struct session, message);

    (void)result;
    session->away = false;
    if (session->closed) {
        free(session);
        return;
    }
    for (uint64_t i = 0; i < session->lines; i++) {
        char text[24];
        int count = snprintf(text, sizeof text, "%" PRIu64 "\n", session->first + i);

        if (hark_stream_write(&session->stream, text, (size_t)count) < 0)
            hark_stream_close(&session->stream); /* the peer reads nothing, or is gone */
    }
    ask(session);
}

static void stream_received(struct hark_stream *stream, const void *bytes, int64_t count)
{
    struct session *session = hark_container_of(stream, struct session, stream);

    if (count <= 0) {
        hark_stream_close(stream);
        return;
    }
    for (const char *at = bytes, *end = at + count; (at = memchr(at, '\n', (size_t)(end - at)));
         at++)
        session->asking++;
    ask(session);
}

static void stream_closed(struct hark_stream *stream)
{
    struct session *session = hark_container_of(stream, struct session, stream);

    session->closed = true;
    if (!session->away) /* else it goes when its message comes back */
        free(session);
}

static const struct hark_stream_events events = {.received = stream_received,
                                                 .closed = stream_closed};

static void accepted(struct hark_listener *listener, int fd)
{
    struct session *session = calloc(1, sizeof *session);

    if (!session) {
        hark_os_close(listener->loop, fd);
        return;
    }
    hark_container_of(listener, struct place, listener)->connections++;
    session->home = listener->loop;
    hark_stream_open(listener->loop, &session->stream, fd, NULL, &events);
    hark_stream_read_start(&session->stream);
}

static void accepting_ended(struct hark_listener *listener, int error)
{
    if (error == -ECANCELED)
        hark_listener_close(listener);
}

static const struct hark_listener_events listening = {.accepted = accepted,
                                                      .failed = accepting_ended};

static int begin(struct hark_loop *loop, uint32_t index, void *context)
{
    (void)context;
    return hark_listener_adopt(loop, &places[index].listener, places[index].fd, &listening);
}

static int end(struct hark_loop *loop, uint32_t index, void *context)
{
    (void)index;
    (void)context;
    hark_cancel_all(loop); /* each stream and listener is told, and closes itself */
    return 0;
}

static void asked_to_end(struct hark_op *op, int64_t result)
{
    (void)result;
    if (hark_op_more(op))
        hark_group_stop(group);
}

int main(int count, char **arguments)
{
    struct hark_group_options options = {
        .loops = count > 2 ? (uint32_t)strtoul(arguments[2], NULL, 10) : 0};
    struct hark_address address;
    char text[HARK_ADDRESS_TEXT_MAX];
    static int fds[LOOPS_MAX];
    uint32_t used = 0;
    int error;

    setvbuf(stdout, NULL, _IOLBF, 0);
    snprintf(text, sizeof text, "127.0.0.1:%s", count > 1 ? arguments[1] : "7000");
    if ((error = hark_address_parse(text, &address)) < 0 ||
        (error = hark_group_create(&options, &group)) < 0 ||
        (error = hark_group_listen(group, &address, 0, HARK_LISTEN_NO_DELAY, fds)) < 0 ||
        (error = hark_os_getsockname(hark_group_loop(group, 0), fds[0], &address)) < 0) {
        fprintf(stderr, "10_group: cannot listen on %s: %s\n", text, hark_error_text(error));
        return 1;
    }
    for (uint32_t i = 0; i < hark_group_size(group); i++)
        places[i].fd = fds[i];
    hark_signal_each(hark_group_loop(group, 0), &interrupt, SIGINT, asked_to_end);
    hark_signal_each(hark_group_loop(group, 0), &terminate, SIGTERM, asked_to_end);
    printf("listening on %s\n", hark_address_format(&address, text, sizeof text));
    error = hark_group_run(group, begin, NULL);
    for (uint32_t i = 0; i < hark_group_size(group); i++)
        used += places[i].connections > 0;
    printf("%" PRIu64 " lines on %u of %u loops\n", lines_total, (unsigned)used,
           (unsigned)hark_group_size(group));
    while (error >= 0 && (error = hark_group_destroy(group)) == -EBUSY)
        error = hark_group_run(group, end, NULL); /* until no message is on its way any more */
    printf("%s\n", error < 0 ? hark_error_text(error) : "ended cleanly");
    return error < 0;
}
