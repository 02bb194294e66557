/* timers_uv.c - timers on libuv, in its milliseconds: started, restarted by starting again,
 * stopped, and expired. See timers.h.
 */
#include "timers.h"

#include <uv.h>

static void done(uv_timer_t *timer)
{
    (void)timer;
    timers_ended++;
}

static uint64_t *delays_ms, state = RANDOM_SEED;

static void draw(uint64_t count, uint64_t from_ms, uint64_t over_ms)
{
    for (uint64_t i = 0; i < count; i++)
        delays_ms[i] = from_ms + random_next(&state) % over_ms;
}

int main(int argc, char **argv)
{
    uv_loop_t *loop = uv_default_loop();
    uint64_t count = timers_count(argc, argv), began_ns;
    struct passes start = {0}, restart = {0}, stop = {0}, expiry = {0};
    uv_timer_t *timers = calloc(count, sizeof *timers);
    delays_ms = calloc(count, sizeof *delays_ms);
    for (uint64_t i = 0; i < count; i++)
        uv_timer_init(loop, &timers[i]);

    for (unsigned pass = 0; pass < PASSES; pass++) {
        draw(count, 3600000, 10000);
        began_ns = now_ns();
        for (uint64_t i = 0; i < count; i++)
            uv_timer_start(&timers[i], done, delays_ms[i], 0);
        pass_add(&start, began_ns, count);
        draw(count, 3600000, 10000);
        began_ns = now_ns();
        for (uint64_t i = 0; i < count; i++)
            uv_timer_start(&timers[i], done, delays_ms[i], 0);
        pass_add(&restart, began_ns, count);
        began_ns = now_ns();
        for (uint64_t i = 0; i < count; i++)
            uv_timer_stop(&timers[i]);
        pass_add(&stop, began_ns, count);
    }
    for (unsigned pass = 0; pass < EXPIRIES; pass++) {
        draw(count, 0, 100);
        uv_update_time(loop);
        uint64_t due_ns = now_ns() + 101000000u;
        for (uint64_t i = 0; i < count; i++)
            uv_timer_start(&timers[i], done, delays_ms[i], 0);
        sleep_until(due_ns);
        began_ns = now_ns();
        uv_run(loop, UV_RUN_DEFAULT);
        pass_add(&expiry, began_ns, count);
        timers_all_ended(count);
    }
    timers_print(&start, &restart, &stop, &expiry, sizeof *timers);
    printf("\n");
    return 0;
}
