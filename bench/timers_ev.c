/* timers_ev.c - timers on libev: started, restarted, stopped, and expired. They are restarted with
 * ev_timer_again, which stands in its manual for time-outs that move on. See timers.h. */
#include "timers.h"

#include <ev.h>

static void done(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)timer;
    (void)events;
    timers_ended++;
}

static double *delays;
static uint64_t state = RANDOM_SEED;

static void draw(uint64_t count, double from, double over)
{
    for (uint64_t i = 0; i < count; i++)
        delays[i] = from + (double)(random_next(&state) % 1000000000u) / 1e9 * over;
}

int main(int argc, char **argv)
{
    struct ev_loop *loop = ev_default_loop(EVFLAG_AUTO);
    uint64_t count = timers_count(argc, argv), began_ns;
    struct passes start = {0}, restart = {0}, stop = {0}, expiry = {0};
    ev_timer *timers = calloc(count, sizeof *timers);
    delays = calloc(count, sizeof *delays);
    for (uint64_t i = 0; i < count; i++)
        ev_timer_init(&timers[i], done, 0., 0.);

    for (unsigned pass = 0; pass < PASSES; pass++) {
        draw(count, 3600, 10);
        began_ns = now_ns();
        for (uint64_t i = 0; i < count; i++) {
            ev_timer_set(&timers[i], delays[i], 0.);
            ev_timer_start(loop, &timers[i]);
        }
        pass_add(&start, began_ns, count);
        draw(count, 3600, 10);
        began_ns = now_ns();
        for (uint64_t i = 0; i < count; i++) {
            timers[i].repeat = delays[i];
            ev_timer_again(loop, &timers[i]);
        }
        pass_add(&restart, began_ns, count);
        began_ns = now_ns();
        for (uint64_t i = 0; i < count; i++)
            ev_timer_stop(loop, &timers[i]);
        pass_add(&stop, began_ns, count);
    }
    for (unsigned pass = 0; pass < EXPIRIES; pass++) {
        draw(count, 0, 0.1);
        ev_now_update(loop);
        uint64_t due_ns = now_ns() + 101000000u;
        for (uint64_t i = 0; i < count; i++) {
            ev_timer_set(&timers[i], delays[i], 0.);
            ev_timer_start(loop, &timers[i]);
        }
        sleep_until(due_ns);
        began_ns = now_ns();
        ev_run(loop, 0);
        pass_add(&expiry, began_ns, count);
        timers_all_ended(count);
    }
    timers_print(&start, &restart, &stop, &expiry, sizeof *timers);
    printf("\n");
    return 0;
}
