/* Receives a piece, and starts again from the callback. */
struct session {
    struct hark_op receive;
    int fd;
    char bytes[4096];
};

static void received(struct hark_op *op, int64_t count)
{
    struct session *session = hark_container_of(op, struct session, receive);
    if (count <= 0) { /* 0: the peer has ended its side; below: why it failed */
        fprintf(stderr, "ended: %s\n", count ? hark_error_text(count) : "by the peer");
        return;
    }
    fwrite(session->bytes, 1, (size_t)count, stdout);
    hark_recv(op->loop, op, session->fd, session->bytes, sizeof session->bytes, 0, received);
}

static void listen_to(struct hark_loop *loop, struct session *session)
{
    hark_recv(loop, &session->receive, session->fd, session->bytes, sizeof session->bytes, 0,
              received);
}
