/* A whole program: one timer, one turn of events, the end. */
static void rang(struct hark_op *op, int64_t result)
{
    printf("%s after a second: %s\n", hark_op_name(op->code), hark_error_text(result));
}

int main(void)
{
    struct hark_loop *loop;
    struct hark_op timer = {0};
    int error = hark_loop_create(NULL, &loop);
    if (error) {
        fprintf(stderr, "no loop: %s\n", hark_error_text(error));
        return 1;
    }
    hark_sleep(loop, &timer, 1000000000, rang);
    hark_run(loop); /* returns when nothing is in flight */
    return hark_loop_destroy(loop) ? 1 : 0;
}
