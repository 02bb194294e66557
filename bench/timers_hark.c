/* timers_hark.c - timers on libhark: started, restarted, stopped, and expired.
 *
 *   timers_hark COUNT
 *
 * A timer of hark is either a sleep, an op of its own, or the deadline of another op, such as a receive. What servers do with
 * time-outs, to start one, move it on and take it away, is a deadline: that is "start", "restart" and "stop". Sleeps have their
 * own figures: a sleep that is stopped ends with its final call, which is counted in. "expiry" is that of sleeps. */
#include "bench.h"

#include <hark.h>
#include <sys/eventfd.h>

static uint64_t ended;

static void done(struct hark_op *op, int64_t result)
{
    (void)op;
    (void)result;
    ended++;
}

static uint64_t spread(uint64_t from_ns, uint64_t over_ns, uint64_t *state)
{
    return from_ns + random_next(state) % over_ns;
}

static double each_ns(uint64_t from_ns, uint64_t count)
{
    return (double)(now_ns() - from_ns) / (double)count;
}

/* Waits until all that was started within `window_ns` is due, then runs it. */
static double expire(struct hark_loop *loop, uint64_t due_ns, uint64_t count)
{
    struct timespec until = {.tv_sec = (time_t)(due_ns / 1000000000u), .tv_nsec = (long)(due_ns % 1000000000u)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    uint64_t began_ns = now_ns();
    ended = 0;
    hark_run(loop);
    if (ended != count)
        exit(1);
    return each_ns(began_ns, count);
}

int main(int argc, char **argv)
{
    enum { HOUR_LATER = 3600u };
    const uint64_t ten_seconds = 10000000000u, window_ns = 100000000u, ops_each = 100;
    struct hark_loop *loop;
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000, state = RANDOM_SEED;
    /* Timers are the same on each backend; on this one the kernel does not hold a million ops. */
    if (hark_loop_create(&(struct hark_options){.backend = HARK_BACKEND_EPOLL}, &loop) < 0)
        return 1;
    struct hark_op *ops = calloc(count, sizeof *ops);
    int silent = -1; /* never readable: ops wait on it for nothing but their deadlines */
    for (uint64_t i = 0; i < count; i++) {
        if (i % ops_each == 0)
            silent = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        hark_poll(loop, &ops[i], silent, HARK_POLL_READABLE, done);
    }
    while (hark_loop_metrics(loop)->turns < 2 || hark_loop_next_deadline(loop) != HARK_NEVER)
        hark_run_ready(loop);
    uint64_t base_ns = now_ns() + HOUR_LATER * UINT64_C(1000000000);

    uint64_t began_ns = now_ns();
    for (uint64_t i = 0; i < count; i++)
        hark_op_deadline(&ops[i], spread(base_ns, ten_seconds, &state));
    double start = each_ns(began_ns, count);
    began_ns = now_ns();
    for (uint64_t i = 0; i < count; i++)
        hark_op_deadline(&ops[i], spread(base_ns, ten_seconds, &state));
    double restart = each_ns(began_ns, count);
    began_ns = now_ns();
    for (uint64_t i = 0; i < count; i++)
        hark_op_deadline(&ops[i], HARK_NEVER);
    double stop = each_ns(began_ns, count);
    hark_cancel_all(loop);
    hark_run(loop);

    began_ns = now_ns();
    for (uint64_t i = 0; i < count; i++)
        hark_sleep_until(loop, &ops[i], spread(base_ns, ten_seconds, &state), done);
    double sleep_start = each_ns(began_ns, count);
    began_ns = now_ns();
    for (uint64_t i = 0; i < count; i++)
        hark_cancel(&ops[i]);
    hark_run(loop); /* the final call of each belongs to stopping it */
    double sleep_stop = each_ns(began_ns, count);

    base_ns = now_ns();
    for (uint64_t i = 0; i < count; i++)
        hark_sleep_until(loop, &ops[i], spread(base_ns, window_ns, &state), done);
    double expiry = expire(loop, base_ns + window_ns, count);
    printf("start %.1f restart %.1f stop %.1f expiry %.1f sleep_start %.1f sleep_stop %.1f bytes %zu\n", start, restart, stop,
           expiry, sleep_start, sleep_stop, sizeof *ops);
    return hark_loop_destroy(loop) < 0;
}
