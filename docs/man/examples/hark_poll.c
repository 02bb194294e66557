/* Waits until another library's descriptor is readable, then lets that library read. */
static void readable(struct hark_op *op, int64_t events)
{
    if (events < 0)
        fprintf(stderr, "descriptor %d: %s\n", op->fd, hark_error_text(events));
    else if (events & (HARK_POLL_READABLE | HARK_POLL_HANGUP))
        printf("descriptor %d has something to read\n", op->fd);
}

static void watch(struct hark_loop *loop, struct hark_op *op, int fd)
{
    hark_poll(loop, op, fd, HARK_POLL_READABLE, readable);
}
