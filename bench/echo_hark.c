/* echo_hark.c - the echo server on libhark: a repeating receive lends buffers, each is sent back
 * from where it lies.
 *
 *   echo_hark PORT     (HARK_BACKEND chooses the backend) */
#include "bench.h"

#include <errno.h>
#include <hark.h>

enum { PIECES = 16 };

struct piece {
    char *bytes;
    size_t count;
};

struct session {
    struct hark_op receive, send, close;
    int fd;
    bool closing;
    uint8_t first, waiting; /* pieces that came while one is being sent */
    struct piece pieces[PIECES];
};

static void received(struct hark_op *op, int64_t count);
static void sent(struct hark_op *op, int64_t count);

static void closed(struct hark_op *op, int64_t result)
{
    (void)result;
    struct session *session = hark_container_of(op, struct session, close);
    while (session->waiting-- > 0)
        hark_buffer_return(op->loop, session->pieces[session->first++ % PIECES].bytes);
    free(session);
}

static void session_close(struct hark_loop *loop, struct session *session)
{
    if (session->closing)
        return;
    session->closing = true;
    hark_close(loop, &session->close, session->fd, closed);
}

static void send_first(struct hark_loop *loop, struct session *session)
{
    struct piece *piece = &session->pieces[session->first % PIECES];
    hark_send(loop, &session->send, session->fd, piece->bytes, piece->count, MSG_WAITALL, sent);
}

static void sent(struct hark_op *op, int64_t count)
{
    struct session *session = hark_container_of(op, struct session, send);
    struct piece *piece = &session->pieces[session->first % PIECES];
    if (count != (int64_t)piece->count)
        return session_close(op->loop, session);
    hark_buffer_return(op->loop, piece->bytes);
    session->first++;
    if (--session->waiting > 0)
        send_first(op->loop, session);
    if (!hark_op_active(&session->receive))
        hark_recv_each(op->loop, &session->receive, session->fd, received);
}

static void received(struct hark_op *op, int64_t count)
{
    struct session *session = hark_container_of(op, struct session, receive);
    if (count == -ECANCELED)
        return; /* paused, or closing */
    if (count <= 0)
        return session_close(op->loop, session);
    if (session->waiting == PIECES)
        return session_close(
            op->loop, session); /* more was under way when it was paused than there is room for */
    session->pieces[(session->first + session->waiting) % PIECES] =
        (struct piece){hark_buffer_keep(op), (size_t)count};
    if (session->waiting++ == 0)
        send_first(op->loop, session);
    if (session->waiting == PIECES - 4)
        hark_cancel(op);
}

static void accepted(struct hark_op *op, int64_t fd)
{
    if (fd < 0)
        return;
    struct session *session = calloc(1, sizeof *session);
    session->fd = (int)fd;
    hark_recv_each(op->loop, &session->receive, session->fd, received);
}

int main(int argc, char **argv)
{
    answer_struct(argc, argv, sizeof(struct session));
    struct hark_loop *loop;
    struct hark_address address;
    struct hark_op accept = {0};
    char text[64];
    snprintf(text, sizeof text, "127.0.0.1:%s", argc > 1 ? argv[1] : "0");
    if (hark_loop_create(NULL, &loop) < 0 || hark_address_parse(text, &address) < 0)
        return 1;
    int fd = hark_listen_at(loop, &address, 0, HARK_LISTEN_NO_DELAY);
    if (fd < 0) {
        fprintf(stderr, "echo_hark: cannot listen on %s: %s\n", text, hark_error_text(fd));
        return 1;
    }
    plain_tcp(fd);
    hark_accept_each(loop, &accept, fd, accepted);
    fprintf(stderr, "%s\n", hark_loop_backend(loop));
    return hark_run(loop) < 0;
}
