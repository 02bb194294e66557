/* libevent_timer.c - a timer that repeats, and ends itself. */
#include <event2/event.h>
#include <stdio.h>

static void ticked(evutil_socket_t fd, short what, void *context)
{
    static int ticks;
    (void)fd;
    (void)what;
    printf("tick %d\n", ++ticks);
    if (ticks == 3) {
        event_del(*(struct event **)context);
        printf("done\n");
    }
}

int main(void)
{
    struct event_base *base = event_base_new();
    struct timeval period = {.tv_usec = 10000};
    struct event *timer = NULL;
    if (!base || !(timer = event_new(base, -1, EV_PERSIST, ticked, &timer)))
        return 1;
    event_add(timer, &period);
    int outcome = event_base_dispatch(base);
    event_free(timer);
    event_base_free(base);
    return outcome < 0;
}
