/* accept_hark.c - connections answered once and closed, on libhark.
 *
 *   accept_hark PORT */
#include "bench.h"

#include <hark.h>

#include <stdio.h>
#include <stdlib.h>

enum { SIZE = 64 };

struct session {
    struct hark_op op; /* receive, then send */
    struct hark_op close;
    int fd;
    char bytes[SIZE];
};

static void closed(struct hark_op *op, int64_t result)
{
    (void)result;
    free(hark_container_of(op, struct session, close));
}

/* The close follows by itself. */
static void sent(struct hark_op *op, int64_t count)
{
    (void)op;
    (void)count;
}

static void received(struct hark_op *op, int64_t count)
{
    struct session *session = hark_container_of(op, struct session, op);
    if (count > 0)
        hark_send(op->loop, op, session->fd, session->bytes, (size_t)count, MSG_WAITALL, sent);
    hark_close_after_sending(op->loop, &session->close, session->fd, closed);
}

static void accepted(struct hark_op *op, int64_t fd)
{
    if (fd < 0)
        return;
    struct session *session = calloc(1, sizeof *session);
    session->fd = (int)fd;
    hark_recv(op->loop, &session->op, session->fd, session->bytes, SIZE, 0, received);
}

int main(int argc, char **argv)
{
    struct hark_loop *loop;
    struct hark_address address;
    struct hark_op accept = {0};
    char text[64];
    snprintf(text, sizeof text, "127.0.0.1:%s", argc > 1 ? argv[1] : "0");
    if (hark_loop_create(NULL, &loop) < 0 || hark_address_parse(text, &address) < 0)
        return 1;
    int fd = hark_listen_at(loop, &address, 0, HARK_LISTEN_NO_DELAY);
    if (fd < 0)
        return 1;
    plain_tcp(fd);
    hark_accept_each(loop, &accept, fd, accepted);
    return hark_run(loop) < 0;
}
