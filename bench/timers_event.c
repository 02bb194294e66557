/* timers_event.c - timers on libevent: added, added again, deleted, and expired.
 *
 *   timers_event COUNT */
#include "bench.h"

#include <event2/event.h>
#include <event2/event_struct.h>

static uint64_t ended;

static void done(evutil_socket_t fd, short events, void *context)
{
    (void)fd;
    (void)events;
    (void)context;
    ended++;
}

static void add(struct event *timer, time_t seconds, uint64_t over_us, uint64_t *state)
{
    uint64_t us = random_next(state) % over_us;
    struct timeval after = {.tv_sec = seconds + (time_t)(us / 1000000u), .tv_usec = (suseconds_t)(us % 1000000u)};
    event_add(timer, &after);
}

static double each_ns(uint64_t from_ns, uint64_t count)
{
    return (double)(now_ns() - from_ns) / (double)count;
}

int main(int argc, char **argv)
{
    struct event_base *base = event_base_new();
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000, state = RANDOM_SEED;
    struct event *timers = calloc(count, sizeof *timers);
    for (uint64_t i = 0; i < count; i++)
        evtimer_assign(&timers[i], base, done, NULL);

    uint64_t began_ns = now_ns();
    for (uint64_t i = 0; i < count; i++)
        add(&timers[i], 3600, 10000000, &state);
    double start = each_ns(began_ns, count);
    began_ns = now_ns();
    for (uint64_t i = 0; i < count; i++)
        add(&timers[i], 3600, 10000000, &state);
    double restart = each_ns(began_ns, count);
    began_ns = now_ns();
    for (uint64_t i = 0; i < count; i++)
        event_del(&timers[i]);
    double stop = each_ns(began_ns, count);

    for (uint64_t i = 0; i < count; i++)
        add(&timers[i], 0, 100000, &state);
    struct timespec window = {.tv_nsec = 101000000};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &window, NULL);
    began_ns = now_ns();
    event_base_dispatch(base);
    if (ended != count)
        return 1;
    printf("start %.1f restart %.1f stop %.1f expiry %.1f bytes %zu\n", start, restart, stop, each_ns(began_ns, count),
           sizeof *timers);
    return 0;
}
