/* libev_timer.c - a timer that repeats, and ends itself. */
#include <ev.h>
#include <stdio.h>

static void ticked(struct ev_loop *loop, ev_timer *timer, int events)
{
    static int ticks;
    (void)events;
    printf("tick %d\n", ++ticks);
    if (ticks == 3) {
        ev_timer_stop(loop, timer);
        printf("done\n");
    }
}

int main(void)
{
    ev_timer timer;
    ev_timer_init(&timer, ticked, 0.01, 0.01); /* seconds */
    ev_timer_start(EV_DEFAULT, &timer);
    ev_run(EV_DEFAULT, 0);
    return 0;
}
