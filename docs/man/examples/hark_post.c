/* A thread hands its result to the loop: no lock, no queue of one's own. */
struct answer {
    struct hark_op op; /* zeroed once */
    int value;
};

static void arrived(struct hark_op *op, int64_t result)
{
    (void)result;
    printf("the thread says %d\n", hark_container_of(op, struct answer, op)->value);
}

/* On any thread. */
static void tell(struct hark_loop *loop, struct answer *answer, int value)
{
    answer->value = value;
    hark_post(loop, &answer->op, arrived); /* from here on it is the loop's */
}
