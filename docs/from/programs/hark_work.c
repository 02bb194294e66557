/* hark_work.c - computes on a thread of the pool. */
#include <hark.h>

#include <stdio.h>

static int64_t add_up(struct hark_op *op)
{
    int64_t sum = 0;
    (void)op;
    for (int64_t i = 0; i < 1000000; i++)
        sum += i;
    return sum;
}

static void added(struct hark_op *op, int64_t sum)
{
    (void)op;
    printf("%lld\n", (long long)sum);
}

int main(void)
{
    static struct hark_op work;
    struct hark_loop *loop;
    if (hark_loop_create(NULL, &loop) < 0)
        return 1;
    hark_work(loop, &work, add_up, added);
    return hark_run(loop) < 0;
}
