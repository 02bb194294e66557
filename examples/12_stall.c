/* 12_stall.c - a callback that holds the loop, and what that does to everybody else.
 *
 * Shows: one thread calls back one after the other, so a callback that computes for 20 ms delays
 * all others by as much: the ticks, which are due every 2 ms, come late. hark_stall_watch tells
 * which callback it was, and with which stack, while it still runs. The cure is hark_work: the
 * same sum on a thread of the work pool, and the ticks come in time.
 *
 * Try:   ./12_stall              computes in the callback
 *        ./12_stall work         computes on the work pool
 *        hark trace -- ./12_stall
 */
#include "hark.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 5, TICK_NS = 2000000, REST_NS = 30000000, BURN_NS = 20000000 };

static struct {
    struct hark_op tick, step, work;
    bool on_pool;
    int rounds, ticks, late;
    volatile uint64_t sum;
} demo;

static uint64_t cpu_ns(void)
{
    struct timespec spent;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return (uint64_t)spent.tv_sec * 1000000000 + (uint64_t)spent.tv_nsec;
}

/* 20 ms of this thread's CPU time: a picture that is scaled, a document that is parsed. */
__attribute__((noinline)) void compute_the_sum(void);

void compute_the_sum(void)
{
    uint64_t began = cpu_ns();
    while (cpu_ns() - began < BURN_NS)
        for (uint64_t i = 0; i < 1000; i++)
            demo.sum += i;
}

static void stepped(struct hark_op *op, int64_t result);

static void next(struct hark_loop *loop)
{
    if (++demo.rounds < ROUNDS)
        hark_sleep(loop, &demo.step, REST_NS, stepped);
    else
        hark_cancel(&demo.tick);
}

static void computed(struct hark_op *op, int64_t result)
{
    (void)result;
    next(op->loop);
}

static int64_t compute_elsewhere(struct hark_op *op)
{
    (void)op;
    compute_the_sum();
    return 0;
}

static void stepped(struct hark_op *op, int64_t result)
{
    (void)result;
    if (demo.on_pool) {
        hark_work(op->loop, &demo.work, compute_elsewhere, computed);
        return;
    }
    compute_the_sum(); /* the mistake */
    next(op->loop);
}

/* A call stands for every period that has passed since the last: more than one is late. */
static void ticked(struct hark_op *op, int64_t periods)
{
    if (!hark_op_more(op))
        return;
    demo.ticks++;
    demo.late += periods > 1;
}

int main(int count, char **arguments)
{
    struct hark_stall_options watching = {.limit_ns = 10000000};
    struct hark_loop *loop;
    int error;

    demo.on_pool = count > 1 && strcmp(arguments[1], "work") == 0;
    if ((error = hark_loop_create(NULL, &loop)) < 0 ||
        (error = hark_stall_watch(loop, &watching)) < 0) {
        fprintf(stderr, "12_stall: cannot make a loop: %s\n", hark_error_text(error));
        return 1;
    }
    hark_every(loop, &demo.tick, TICK_NS, ticked);
    hark_sleep(loop, &demo.step, REST_NS, stepped);
    error = hark_run(loop);
    hark_loop_destroy(loop);
    printf("%d ticks, %d of them late\n", demo.ticks, demo.late);
    return error < 0;
}
