/* A loop on each CPU, each with a timer of its own. */
static struct hark_op timers[1024];

static void rang(struct hark_op *op, int64_t result)
{
    (void)result;
    printf("loop %d\n", (int)(op - timers));
}

static int begin(struct hark_loop *loop, uint32_t index, void *context)
{
    (void)context;
    hark_sleep(loop, &timers[index], 1000000, rang);
    return 0;
}

static int run_on_each_cpu(void)
{
    struct hark_group *group;
    int error = hark_group_create(NULL, &group);
    if (error)
        return error;
    error = hark_group_run(group, begin, NULL);
    hark_group_destroy(group);
    return error;
}
