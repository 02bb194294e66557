/* timers_uv.c - timers on libuv, in its milliseconds: started, restarted by starting again, stopped, and expired.
 *
 *   timers_uv COUNT */
#include "bench.h"

#include <uv.h>

static uint64_t ended;

static void done(uv_timer_t *timer)
{
    (void)timer;
    ended++;
}

static double each_ns(uint64_t from_ns, uint64_t count)
{
    return (double)(now_ns() - from_ns) / (double)count;
}

int main(int argc, char **argv)
{
    uv_loop_t *loop = uv_default_loop();
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000, state = RANDOM_SEED;
    uv_timer_t *timers = calloc(count, sizeof *timers);
    for (uint64_t i = 0; i < count; i++)
        uv_timer_init(loop, &timers[i]);

    uint64_t began_ns = now_ns();
    for (uint64_t i = 0; i < count; i++)
        uv_timer_start(&timers[i], done, 3600000 + random_next(&state) % 10000, 0);
    double start = each_ns(began_ns, count);
    began_ns = now_ns();
    for (uint64_t i = 0; i < count; i++)
        uv_timer_start(&timers[i], done, 3600000 + random_next(&state) % 10000, 0);
    double restart = each_ns(began_ns, count);
    began_ns = now_ns();
    for (uint64_t i = 0; i < count; i++)
        uv_timer_stop(&timers[i]);
    double stop = each_ns(began_ns, count);

    uv_update_time(loop);
    for (uint64_t i = 0; i < count; i++)
        uv_timer_start(&timers[i], done, random_next(&state) % 100, 0);
    struct timespec window = {.tv_nsec = 101000000};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &window, NULL);
    began_ns = now_ns();
    uv_run(loop, UV_RUN_DEFAULT);
    if (ended != count)
        return 1;
    printf("start %.1f restart %.1f stop %.1f expiry %.1f bytes %zu\n", start, restart, stop, each_ns(began_ns, count),
           sizeof *timers);
    return 0;
}
