/* A job goes to another loop of the group, and its answer comes back the same way. */
struct job {
    struct hark_op op; /* zeroed once */
    struct hark_loop *from;
    int value;
};

static void answered(struct hark_op *op, int64_t result)
{
    (void)result;
    printf("the answer: %d\n", hark_container_of(op, struct job, op)->value);
}

static void arrived(struct hark_op *op, int64_t result) /* on the other loop's thread */
{
    struct job *job = hark_container_of(op, struct job, op);
    struct hark_loop *here = op->loop;
    (void)result;
    job->value *= 2;
    hark_message(here, &job->op, job->from, answered);
}

static void hand_over(struct hark_loop *from, struct job *job, struct hark_loop *to)
{
    job->from = from;
    hark_message(from, &job->op, to, arrived);
}
