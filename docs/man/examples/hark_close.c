/* Closes a connection, whatever is in flight on it: those ops have their final calls, with
 * -ECANCELED, before this one, so that here all memory may go. */
struct session {
    struct hark_op receive, send, close;
    int fd;
};

static void closed(struct hark_op *op, int64_t result)
{
    (void)result;
    free(hark_container_of(op, struct session, close));
}

static void let_go(struct hark_loop *loop, struct session *session)
{
    hark_close(loop, &session->close, session->fd, closed);
}
