/* hark_timer.c - a timer that repeats, and ends itself. */
#include <hark.h>

#include <stdio.h>

static void ticked(struct hark_op *op, int64_t periods)
{
    static int ticks;
    (void)periods;
    if (!hark_op_more(op))
        printf("done\n"); /* the one final call: nothing of the op is in flight any more */
    else if (printf("tick %d\n", ++ticks), ticks == 3)
        hark_cancel(op);
}

int main(void)
{
    static struct hark_op timer;
    struct hark_loop *loop;
    if (hark_loop_create(NULL, &loop) < 0)
        return 1;
    hark_every(loop, &timer, 10000000, ticked); /* nanoseconds */
    return hark_run(loop) < 0;                  /* returns as nothing is left in flight */
}
