/* What would keep the loop's thread runs on another; its result comes back as an event. */
struct sum {
    struct hark_op op;
    const unsigned char *bytes;
    size_t count;
};

static int64_t add_up(struct hark_op *op)
{
    const struct sum *sum = hark_container_of(op, struct sum, op);
    int64_t total = 0;
    for (size_t i = 0; i < sum->count; i++)
        total += sum->bytes[i];
    return total;
}

static void added_up(struct hark_op *op, int64_t total)
{
    (void)op;
    printf("%lld\n", (long long)total);
}

static void start(struct hark_loop *loop, struct sum *sum)
{
    hark_work(loop, &sum->op, add_up, added_up);
}
