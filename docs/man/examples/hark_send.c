/* Sends all of it, in as many pieces as the kernel needs: MSG_WAITALL sees to that. */
static const char hello[] = "hello\n";

static void sent(struct hark_op *op, int64_t count)
{
    (void)op;
    if (count < (int64_t)sizeof hello - 1)
        fprintf(stderr, "the peer did not take it: %s\n", hark_error_text(count));
}

static void greet(struct hark_loop *loop, struct hark_op *op, int fd)
{
    hark_send(loop, op, fd, hello, sizeof hello - 1, MSG_WAITALL, sent);
}
