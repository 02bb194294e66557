/* One start for a whole connection; while it is idle it holds no buffer. */
static void received(struct hark_op *op, int64_t count)
{
    if (hark_op_more(op))
        fwrite(hark_op_buffer(op), 1, (size_t)count, stdout); /* until this callback returns */
    else
        fprintf(stderr, "ended: %s\n", count ? hark_error_text(count) : "by the peer");
}

static void listen_to(struct hark_loop *loop, struct hark_op *op, int fd)
{
    hark_recv_each(loop, op, fd, received);
}
