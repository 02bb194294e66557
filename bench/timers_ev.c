/* timers_ev.c - timers on libev: started, restarted, stopped, and expired. They are restarted with ev_timer_again, which its
 * manual recommends for time-outs.
 *
 *   timers_ev COUNT */
#include "bench.h"

#include <ev.h>

static uint64_t ended;

static void done(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)timer;
    (void)events;
    ended++;
}

static double spread(double from, double over, uint64_t *state)
{
    return from + (double)(random_next(state) % 1000000000u) / 1e9 * over;
}

static double each_ns(uint64_t from_ns, uint64_t count)
{
    return (double)(now_ns() - from_ns) / (double)count;
}

int main(int argc, char **argv)
{
    struct ev_loop *loop = ev_default_loop(EVFLAG_AUTO);
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000, state = RANDOM_SEED;
    ev_timer *timers = calloc(count, sizeof *timers);
    for (uint64_t i = 0; i < count; i++)
        ev_timer_init(&timers[i], done, 0., 0.);

    uint64_t began_ns = now_ns();
    for (uint64_t i = 0; i < count; i++) {
        ev_timer_set(&timers[i], spread(3600, 10, &state), 0.);
        ev_timer_start(loop, &timers[i]);
    }
    double start = each_ns(began_ns, count);
    began_ns = now_ns();
    for (uint64_t i = 0; i < count; i++) {
        timers[i].repeat = spread(3600, 10, &state);
        ev_timer_again(loop, &timers[i]);
    }
    double restart = each_ns(began_ns, count);
    began_ns = now_ns();
    for (uint64_t i = 0; i < count; i++)
        ev_timer_stop(loop, &timers[i]);
    double stop = each_ns(began_ns, count);

    ev_now_update(loop);
    for (uint64_t i = 0; i < count; i++) {
        ev_timer_set(&timers[i], spread(0, 0.1, &state), 0.);
        ev_timer_start(loop, &timers[i]);
    }
    struct timespec window = {.tv_nsec = 101000000};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &window, NULL);
    began_ns = now_ns();
    ev_run(loop, 0);
    if (ended != count)
        return 1;
    printf("start %.1f restart %.1f stop %.1f expiry %.1f bytes %zu\n", start, restart, stop, each_ns(began_ns, count),
           sizeof *timers);
    return 0;
}
