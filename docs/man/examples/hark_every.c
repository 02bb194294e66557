/* Ten times a second, without drift. */
static void ticked(struct hark_op *op, int64_t periods)
{
    if (!hark_op_more(op))
        return; /* cancelled */
    if (periods > 1)
        printf("late: %d ticks at once\n", (int)periods);
}

static void tick(struct hark_loop *loop, struct hark_op *op)
{
    hark_every(loop, op, 100000000, ticked);
}
