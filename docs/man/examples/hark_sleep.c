/* Calls back after a quarter of a second. */
static void rang(struct hark_op *op, int64_t result)
{
    (void)op;
    if (result == 0) /* -ECANCELED if it was cancelled */
        printf("time is up\n");
}

static void wait_a_little(struct hark_loop *loop, struct hark_op *op)
{
    hark_sleep(loop, op, 250000000, rang);
}
