/* 02_echo.c - a server that sends back what it receives, without copying a byte.
 *
 * Shows: one struct per connection holds all its requests. hark_recv_each lends a buffer of the
 * loop's pool when bytes have come, so an idle connection holds none; the session keeps the buffer
 * until it is sent, then returns it. A client that sends and never reads is held back: its
 * receiving pauses while too much waits to be sent.
 *
 * Try:   ./02_echo 7000 &          then, in other terminals:
 *        nc 127.0.0.1 7000
 *        head -c 100000000 /dev/zero | nc -N 127.0.0.1 7000 | wc -c
 */
#include "hark.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { POOL = 64, PAUSE = 8 };
#define SECOND UINT64_C(1000000000)

struct session {
    struct hark_op receive, send, close;
    int fd;
    bool ended; /* the client has sent all it wants to send */
    unsigned first,
        waiting; /* the pieces to be sent back, a ring; the pool has no more than POOL to lend */
    struct piece {
        void *bytes;
        size_t count;
    } pieces[POOL];
};

static void received(struct hark_op *op, int64_t count);

static void closed(struct hark_op *op, int64_t result)
{
    struct session *session = hark_container_of(op, struct session, close);

    (void)result;
    for (; session->waiting > 0; session->waiting--, session->first++)
        hark_buffer_return(op->loop, session->pieces[session->first % POOL].bytes);
    free(session);
}

/* Closing ends the other two requests first, each with its final call; then `closed` frees all. */
static void session_close(struct session *session, struct hark_loop *loop)
{
    if (!hark_op_active(&session->close))
        hark_close(loop, &session->close, session->fd, closed);
}

static void sent(struct hark_op *op, int64_t result);

static void session_send(struct session *session, struct hark_loop *loop)
{
    struct piece *piece = &session->pieces[session->first % POOL];

    hark_send(loop, &session->send, session->fd, piece->bytes, piece->count, MSG_WAITALL, sent);
    hark_op_deadline(&session->send,
                     hark_now(loop) + 30 * SECOND); /* who takes nothing for so long has gone */
}

static void sent(struct hark_op *op, int64_t result)
{
    struct session *session = hark_container_of(op, struct session, send);
    struct piece *piece = &session->pieces[session->first % POOL];

    if (result != (int64_t)piece->count)
        return session_close(session, op->loop);
    hark_buffer_return(op->loop, piece->bytes);
    session->first++;
    session->waiting--;
    if (session->waiting > 0)
        session_send(session, op->loop);
    else if (session->ended)
        session_close(session, op->loop);
    else if (!hark_op_active(&session->receive)) /* it was paused */
        hark_recv_each(op->loop, &session->receive, session->fd, received);
}

static void received(struct hark_op *op, int64_t count)
{
    struct session *session = hark_container_of(op, struct session, receive);

    if (count > 0) {
        session->pieces[(session->first + session->waiting) % POOL] =
            (struct piece){hark_buffer_keep(op), (size_t)count};
        session->waiting++;
        if (!hark_op_active(&session->send) && !hark_op_active(&session->close))
            session_send(session, op->loop);
        if (session->waiting >= PAUSE)
            hark_cancel(op);
    } else if (count == -ECANCELED && !hark_op_active(&session->close)) {
        if (session->waiting ==
            0) /* paused, but all is sent by now; else `sent` goes on from here */
            hark_recv_each(op->loop, op, session->fd, received);
    } else if (count == 0 && session->waiting > 0) {
        session->ended = true; /* `sent` closes after the last piece */
    } else {
        session_close(session, op->loop);
    }
}

static void accepted(struct hark_listener *listener, int fd)
{
    struct session *session = calloc(1, sizeof *session);

    if (!session) {
        hark_os_close(listener->loop, fd);
        return;
    }
    session->fd = fd;
    hark_recv_each(listener->loop, &session->receive, fd, received);
}

static const struct hark_listener_events listening = {.accepted = accepted};

int main(int count, char **arguments)
{
    static struct hark_listener listener;
    struct hark_options options = {.buffer_count = POOL};
    struct hark_address address;
    struct hark_loop *loop = NULL;
    char text[HARK_ADDRESS_TEXT_MAX];
    int error;

    setvbuf(stdout, NULL, _IOLBF, 0);
    snprintf(text, sizeof text, "127.0.0.1:%s", count > 1 ? arguments[1] : "7000");
    if ((error = hark_address_parse(text, &address)) < 0 ||
        (error = hark_loop_create(&options, &loop)) < 0 ||
        (error = hark_listener_open(loop, &listener, &address, 0, HARK_LISTEN_NO_DELAY,
                                    &listening)) < 0 ||
        (error = hark_listener_address(&listener, &address)) < 0) {
        fprintf(stderr, "02_echo: cannot listen on %s: %s\n", text, hark_error_text(error));
        return 1;
    }
    printf("listening on %s\n", hark_address_format(&address, text, sizeof text));
    error = hark_run(loop); /* until Ctrl-C; 09_signals.c shows a clean end */
    fprintf(stderr, "02_echo: cannot run: %s\n", hark_error_text(error));
    return 1;
}
