/* libuv_timer.c - a timer that repeats, and ends itself. */
#include <stdio.h>
#include <uv.h>

static void closed(uv_handle_t *handle)
{
    (void)handle;
    printf("done\n");
}

static void ticked(uv_timer_t *timer)
{
    static int ticks;
    printf("tick %d\n", ++ticks);
    if (ticks == 3)
        uv_close((uv_handle_t *)timer, closed); /* stops it, too */
}

int main(void)
{
    static uv_timer_t timer;
    uv_timer_init(uv_default_loop(), &timer);
    uv_timer_start(&timer, ticked, 10, 10); /* milliseconds */
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
