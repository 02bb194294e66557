/* libuv_work.c - computes on a thread of the pool. */
#include <stdio.h>
#include <uv.h>

static long long sum;

static void add_up(uv_work_t *work)
{
    (void)work;
    for (long long i = 0; i < 1000000; i++)
        sum += i;
}

static void added(uv_work_t *work, int status)
{
    (void)work;
    if (status == 0)
        printf("%lld\n", sum);
}

int main(void)
{
    static uv_work_t work;
    if (uv_queue_work(uv_default_loop(), &work, add_up, added) < 0)
        return 1;
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
