/* What is still in flight, so that hark_run does not return. */
static void say_what_is_left(struct hark_loop *loop)
{
    const struct hark_metrics *metrics = hark_loop_metrics(loop); /* stays up to date by itself */
    for (int kind = 0; kind < HARK_OP_KINDS; kind++)
        if (metrics->requested[kind] > metrics->handled[kind])
            printf("%s: %llu\n", hark_op_name(kind),
                   (unsigned long long)(metrics->requested[kind] - metrics->handled[kind]));
}
