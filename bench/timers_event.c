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

static void add(struct event *timer, time_t seconds, uint64_t over_us, uint64_t *state)
{
    uint64_t us = random_next(state) % over_us;
    struct timeval after = {.tv_sec = seconds + (time_t)(us / 1000000u), .tv_usec = (suseconds_t)(us % 1000000u)};
    event_add(timer, &after);
}

int main(int argc, char **argv)
{
    struct event_base *base = event_base_new();
    uint64_t count = timers_count(argc, argv), state = RANDOM_SEED, began_ns;
    struct passes start = {0}, restart = {0}, stop = {0}, expiry = {0};
    struct event *timers = calloc(count, sizeof *timers);
    for (uint64_t i = 0; i < count; i++)
        evtimer_assign(&timers[i], base, done, NULL);

    for (unsigned pass = 0; pass < PASSES; pass++) {
        began_ns = now_ns();
        for (uint64_t i = 0; i < count; i++)
            add(&timers[i], 3600, 10000000, &state);
        pass_add(&start, began_ns, count);
        began_ns = now_ns();
        for (uint64_t i = 0; i < count; i++)
            add(&timers[i], 3600, 10000000, &state);
        pass_add(&restart, began_ns, count);
        began_ns = now_ns();
        for (uint64_t i = 0; i < count; i++)
            event_del(&timers[i]);
        pass_add(&stop, began_ns, count);
    }
    for (unsigned pass = 0; pass < EXPIRIES; pass++) {
        for (uint64_t i = 0; i < count; i++)
            add(&timers[i], 0, 100000, &state);
        sleep_until(now_ns() + 101000000u);
        began_ns = now_ns();
        event_base_dispatch(base);
        pass_add(&expiry, began_ns, count);
        timers_all_ended(count);
    }
    timers_print(&start, &restart, &stop, &expiry, sizeof *timers);
    printf("\n");
    return 0;
}
