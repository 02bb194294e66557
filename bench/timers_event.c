/* timers_event.c - timers on libevent: added, added again, deleted, and expired. See timers.h. */
#include "timers.h"

#include <event2/event.h>
#include <event2/event_struct.h>

static void done(evutil_socket_t fd, short events, void *context)
{
    (void)fd;
    (void)events;
    (void)context;
    timers_ended++;
}

static struct timeval *delays;
static uint64_t state = RANDOM_SEED;

static void draw(uint64_t count, time_t seconds, uint64_t over_us)
{
    for (uint64_t i = 0; i < count; i++) {
        uint64_t us = random_next(&state) % over_us;
        delays[i] = (struct timeval){.tv_sec = seconds + (time_t)(us / 1000000u),
                                     .tv_usec = (suseconds_t)(us % 1000000u)};
    }
}

static void add_all(struct event *timers, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        event_add(&timers[i], &delays[i]);
}

static uint64_t count;
static struct event *timers;
static struct passes start, restart, stop, expiry;

/* In a callback, as programs do it: there libevent has the time already, outside it asks the clock
 * for each. */
static void start_and_stop(evutil_socket_t fd, short events, void *context)
{
    (void)fd;
    (void)events;
    (void)context;
    for (unsigned pass = 0; pass < PASSES; pass++) {
        draw(count, 3600, 10000000);
        uint64_t began_ns = now_ns();
        add_all(timers, count);
        pass_add(&start, began_ns, count);
        draw(count, 3600, 10000000);
        began_ns = now_ns();
        add_all(timers, count);
        pass_add(&restart, began_ns, count);
        began_ns = now_ns();
        for (uint64_t i = 0; i < count; i++)
            event_del(&timers[i]);
        pass_add(&stop, began_ns, count);
    }
}

int main(int argc, char **argv)
{
    struct event_base *base = event_base_new();
    const struct timeval at_once = {0};
    count = timers_count(argc, argv);
    timers = calloc(count, sizeof *timers);
    delays = calloc(count, sizeof *delays);
    for (uint64_t i = 0; i < count; i++)
        evtimer_assign(&timers[i], base, done, NULL);
    event_base_once(base, -1, EV_TIMEOUT, start_and_stop, NULL, &at_once);
    event_base_dispatch(base);
    for (unsigned pass = 0; pass < EXPIRIES; pass++) {
        draw(count, 0, 100000);
        add_all(timers, count);
        sleep_until(now_ns() + 101000000u);
        uint64_t began_ns = now_ns();
        event_base_dispatch(base);
        pass_add(&expiry, began_ns, count);
        timers_all_ended(count);
    }
    timers_print(&start, &restart, &stop, &expiry, sizeof *timers);
    printf("\n");
    return 0;
}
