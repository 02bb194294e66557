/* An orderly end: what is in flight is cancelled, and has its final calls, before the loop goes. */
static int run_to_the_end(struct hark_loop *loop)
{
    int stopped = hark_run(loop); /* 1: hark_stop was called, and ops may be in flight */
    if (stopped < 0)
        return stopped;
    hark_cancel_all(loop);
    hark_run(loop);
    return hark_loop_destroy(loop);
}
