/* Whatever holds the loop for a fifth of a second is written to standard error, with its stack. */
static int watch(struct hark_loop *loop)
{
    return hark_stall_watch(loop, &(struct hark_stall_options){.limit_ns = 200000000});
}
