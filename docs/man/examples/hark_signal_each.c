/* SIGINT and SIGTERM end the program in order. The callback runs on the loop's thread, where
 * everything is allowed. */
static void asked_to_end(struct hark_op *op, int64_t number)
{
    if (number > 0)
        hark_cancel_all(op->loop); /* all final calls come, then hark_run returns */
}

static void end_on_signals(struct hark_loop *loop, struct hark_op ops[2])
{
    hark_signal_each(loop, &ops[0], SIGINT, asked_to_end);
    hark_signal_each(loop, &ops[1], SIGTERM, asked_to_end);
}
