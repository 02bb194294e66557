/* bulk_hark.c - bulk transfer on libhark: whole blocks, by MSG_WAITALL, so that a call comes for
 * each block and not for each piece.
 *
 *   bulk_hark PORT */
#include "bench.h"
#include "bulk.h"

#include <hark.h>

#include <stdio.h>
#include <stdlib.h>

struct session {
    struct hark_op op;
    int fd;
    bool asked;
    uint64_t left;
    char bytes[BLOCK_BYTES];
};

static void received(struct hark_op *op, int64_t count);

static void closed(struct hark_op *op, int64_t result)
{
    (void)result;
    free(hark_container_of(op, struct session, op));
}

static void sent(struct hark_op *op, int64_t count)
{
    struct session *session = hark_container_of(op, struct session, op);
    session->left -= count > 0 ? (uint64_t)count : 0;
    if (count <= 0 || session->left == 0)
        hark_close(op->loop, op, session->fd, closed);
    else
        hark_send(op->loop, op, session->fd, block, next_block(session->left), MSG_WAITALL, sent);
}

static void received(struct hark_op *op, int64_t count)
{
    struct session *session = hark_container_of(op, struct session, op);
    if (count <= 0)
        return hark_close(op->loop, op, session->fd, closed);
    if (!session->asked) {
        session->asked = true;
        session->left = wanted_by(session->bytes);
        if (session->left > 0)
            return hark_send(op->loop, op, session->fd, block, next_block(session->left),
                             MSG_WAITALL, sent);
    }
    hark_recv(op->loop, op, session->fd, session->bytes, BLOCK_BYTES, MSG_WAITALL, received);
}

static void accepted(struct hark_op *op, int64_t fd)
{
    if (fd < 0)
        return;
    struct session *session = calloc(1, sizeof *session);
    session->fd = (int)fd;
    hark_recv(op->loop, &session->op, session->fd, session->bytes, HEADER_BYTES, MSG_WAITALL,
              received);
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
