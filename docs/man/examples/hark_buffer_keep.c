/* A lent buffer outlives its callback: it is worked on later, and then given back. */
struct piece {
    void *bytes;
    size_t count;
};

static struct piece kept;

static void received(struct hark_op *op, int64_t count)
{
    if (!hark_op_more(op) || kept.bytes)
        return;
    kept = (struct piece){.bytes = hark_buffer_keep(op), .count = (size_t)count};
}

static void done_with_it(struct hark_loop *loop)
{
    hark_buffer_return(loop, kept.bytes);
    kept.bytes = NULL;
}
