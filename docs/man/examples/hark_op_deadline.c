/* Five seconds for an answer. */
static void answered(struct hark_op *op, int64_t result)
{
    (void)op;
    if (result == -ETIMEDOUT)
        fprintf(stderr, "no answer for 5 s\n");
}

static void ask(struct hark_loop *loop, struct hark_op *op, int fd, char *bytes, size_t count)
{
    hark_recv(loop, op, fd, bytes, count, 0, answered);
    hark_op_deadline(op, hark_now(loop) + 5000000000);
}
