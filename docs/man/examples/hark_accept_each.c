/* A call for each connection, from one start. */
static void accepted(struct hark_op *op, int64_t fd)
{
    if (fd < 0) { /* -EMFILE and -ENFILE end it too */
        fprintf(stderr, "accepting has ended: %s\n", hark_error_text(fd));
        return;
    }
    printf("connection %d\n", (int)fd);
    hark_os_close(op->loop, (int)fd); /* or keep it, and start to receive */
}

static void serve(struct hark_loop *loop, struct hark_op *op, int listening)
{
    hark_accept_each(loop, op, listening, accepted);
}
