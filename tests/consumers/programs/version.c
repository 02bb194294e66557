/* version.c - says which libhark it is linked with, and counts a turn of a loop. */
#include <hark.h>

#include <stdio.h>

static int64_t slept_with = -1;

static void slept(struct hark_op *op, int64_t result)
{
    (void)op;
    slept_with = result;
}

int main(void)
{
    struct hark_loop *loop;
    struct hark_op op = {0};
    if (hark_loop_create(NULL, &loop) < 0)
        return 1;
    hark_sleep(loop, &op, 1, slept);
    if (hark_run(loop) < 0 || hark_loop_destroy(loop) < 0 || slept_with != 0)
        return 2;
    puts(hark_version());
    return 0;
}
