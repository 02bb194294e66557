/* timers_hark.c - timers on libhark: started, restarted, stopped, and expired. See timers.h.
 *
 * A timer of hark is either a sleep, an op of its own, or the deadline of another op, such as a
 * receive. What servers do with time-outs, to start one, move it on and take it away, is a
 * deadline: that is "start", "restart" and "stop". Sleeps have their own figures: a sleep that is
 * stopped ends with its final call, which is counted in. "expiry" is that of sleeps. */
#include "timers.h"

#include <hark.h>
#include <sys/eventfd.h>

static const uint64_t hour_ns = UINT64_C(3600000000000), ten_seconds_ns = UINT64_C(10000000000),
                      window_ns = 100000000u;

static void done(struct hark_op *op, int64_t result)
{
    (void)op;
    (void)result;
    timers_ended++;
}

static uint64_t *times_ns, state = RANDOM_SEED;

static void draw(uint64_t count, uint64_t from_ns, uint64_t over_ns)
{
    for (uint64_t i = 0; i < count; i++)
        times_ns[i] = from_ns + random_next(&state) % over_ns;
}

/* Starts `count` ops that wait for nothing but their deadlines, a hundred on each of some silent
 * descriptors. */
static void start_waiting(struct hark_loop *loop, struct hark_op *ops, uint64_t count)
{
    const uint64_t ops_each = 100;
    int silent = -1;
    for (uint64_t i = 0; i < count; i++) {
        if (i % ops_each == 0)
            silent = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        hark_poll(loop, &ops[i], silent, HARK_POLL_READABLE, done);
    }
    while (hark_loop_metrics(loop)->turns < 2 || hark_loop_next_deadline(loop) != HARK_NEVER)
        hark_run_ready(loop);
}

static void deadlines(struct hark_op *ops, uint64_t count, struct passes *start,
                      struct passes *restart, struct passes *stop)
{
    draw(count, now_ns() + hour_ns, ten_seconds_ns);
    uint64_t began_ns = now_ns();
    for (uint64_t i = 0; i < count; i++)
        hark_op_deadline(&ops[i], times_ns[i]);
    pass_add(start, began_ns, count);
    draw(count, now_ns() + hour_ns, ten_seconds_ns);
    began_ns = now_ns();
    for (uint64_t i = 0; i < count; i++)
        hark_op_deadline(&ops[i], times_ns[i]);
    pass_add(restart, began_ns, count);
    began_ns = now_ns();
    for (uint64_t i = 0; i < count; i++)
        hark_op_deadline(&ops[i], HARK_NEVER);
    pass_add(stop, began_ns, count);
}

static void sleeps(struct hark_loop *loop, struct hark_op *ops, uint64_t count,
                   struct passes *start, struct passes *stop)
{
    draw(count, now_ns() + hour_ns, ten_seconds_ns);
    uint64_t began_ns = now_ns();
    for (uint64_t i = 0; i < count; i++)
        hark_sleep_until(loop, &ops[i], times_ns[i], done);
    pass_add(start, began_ns, count);
    began_ns = now_ns();
    for (uint64_t i = 0; i < count; i++)
        hark_cancel(&ops[i]);
    hark_run(loop); /* the final call of each belongs to stopping it */
    pass_add(stop, began_ns, count);
    timers_all_ended(count);
}

static void expire(struct hark_loop *loop, struct hark_op *ops, uint64_t count,
                   struct passes *expiry)
{
    uint64_t base_ns = now_ns();
    draw(count, base_ns, window_ns);
    for (uint64_t i = 0; i < count; i++)
        hark_sleep_until(loop, &ops[i], times_ns[i], done);
    sleep_until(base_ns + window_ns);
    uint64_t began_ns = now_ns();
    hark_run(loop);
    pass_add(expiry, began_ns, count);
    timers_all_ended(count);
}

int main(int argc, char **argv)
{
    struct hark_loop *loop;
    uint64_t count = timers_count(argc, argv);
    struct passes start = {0}, restart = {0}, stop = {0}, expiry = {0}, sleep_start = {0},
                  sleep_stop = {0};
    /* Timers are the same on each backend; on this one the kernel does not hold a million ops. */
    if (hark_loop_create(&(struct hark_options){.backend = HARK_BACKEND_EPOLL}, &loop) < 0)
        return 1;
    struct hark_op *ops = calloc(count, sizeof *ops);
    times_ns = calloc(count, sizeof *times_ns);
    start_waiting(loop, ops, count);
    for (unsigned pass = 0; pass < PASSES; pass++)
        deadlines(ops, count, &start, &restart, &stop);
    hark_cancel_all(loop);
    hark_run(loop);
    timers_ended = 0;
    for (unsigned pass = 0; pass < PASSES; pass++)
        sleeps(loop, ops, count, &sleep_start, &sleep_stop);
    for (unsigned pass = 0; pass < EXPIRIES; pass++)
        expire(loop, ops, count, &expiry);
    timers_print(&start, &restart, &stop, &expiry, sizeof *ops);
    printf(" sleep_start %.1f sleep_stop %.1f\n", pass_median(&sleep_start),
           pass_median(&sleep_stop));
    return hark_loop_destroy(loop) < 0;
}
