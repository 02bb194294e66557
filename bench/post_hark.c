/* post_hark.c - hark_post from other threads. See post.h. */
#include "post.h"

#include <hark.h>

struct item {
    _Alignas(64) atomic_bool free; /* in one cache line with what a post touches of its op */
    struct hark_op op;
};

struct poster {
    struct hark_loop *loop;
    uint64_t count;
    struct item items[WINDOW];
};

static uint64_t handled, expected;

static void item_done(struct hark_op *op, int64_t result)
{
    (void)result;
    atomic_store_explicit(&hark_container_of(op, struct item, op)->free, true, memory_order_release);
    if (++handled == expected)
        hark_stop(op->loop);
}

static void *post_all(void *argument)
{
    struct poster *poster = argument;
    pin(last_cpu);
    for (uint64_t i = 0; i < poster->count; i++) {
        struct item *item = &poster->items[i % WINDOW];
        while (!atomic_load_explicit(&item->free, memory_order_acquire))
            sched_yield();
        atomic_store_explicit(&item->free, false, memory_order_relaxed);
        hark_post(poster->loop, &item->op, item_done);
    }
    return NULL;
}

static void never(struct hark_op *op, int64_t result)
{
    (void)op;
    (void)result;
}

static void throughput(struct hark_loop *loop, struct arguments arguments)
{
    pthread_t threads[POSTERS_MAX];
    struct hark_op kept = {0};
    expected = arguments.count * arguments.posters;
    hark_sleep_until(loop, &kept, HARK_NEVER, never);
    pin(first_cpu);
    uint64_t began_ns = now_ns(), began_cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    for (unsigned i = 0; i < arguments.posters; i++) {
        struct poster *poster = aligned_alloc(64, sizeof *poster);
        memset(poster, 0, sizeof *poster);
        poster->loop = loop;
        poster->count = arguments.count;
        for (unsigned k = 0; k < WINDOW; k++)
            poster->items[k].free = true;
        pthread_create(&threads[i], NULL, post_all, poster);
    }
    hark_run(loop);
    print_throughput(expected, began_ns, clock_ns(CLOCK_THREAD_CPUTIME_ID) - began_cpu_ns);
    for (unsigned i = 0; i < arguments.posters; i++)
        pthread_join(threads[i], NULL);
}

/* --- ping-pong --- */

static struct hark_loop *here;
static struct hark_loop *_Atomic there;
static struct hark_op ball;
static uint64_t trips, sent_ns;
static uint32_t *times_ns;

static void came_back(struct hark_op *op, int64_t result);

static void came_over(struct hark_op *op, int64_t result)
{
    (void)result;
    hark_post(here, op, came_back);
}

static void came_back(struct hark_op *op, int64_t result)
{
    (void)result;
    uint64_t time_ns = now_ns();
    times_ns[trips++] = (uint32_t)(time_ns - sent_ns);
    sent_ns = time_ns;
    if (trips == expected) {
        hark_stop(there);
        hark_stop(here);
        return;
    }
    hark_post(there, op, came_over);
}

static void *other_side(void *argument)
{
    struct hark_loop *loop;
    struct hark_op kept = {0};
    (void)argument;
    pin(last_cpu);
    if (hark_loop_create(NULL, &loop) < 0)
        exit(1);
    hark_sleep_until(loop, &kept, HARK_NEVER, never);
    there = loop;
    hark_run(loop);
    return NULL;
}

static void pingpong(struct hark_loop *loop, struct arguments arguments)
{
    pthread_t thread;
    struct hark_op kept = {0};
    expected = arguments.count;
    times_ns = calloc(expected, sizeof *times_ns);
    here = loop;
    hark_sleep_until(loop, &kept, HARK_NEVER, never);
    pin(first_cpu);
    pthread_create(&thread, NULL, other_side, NULL);
    while (!there)
        sched_yield();
    uint64_t began_ns = sent_ns = now_ns();
    hark_post(there, &ball, came_over);
    hark_run(loop);
    pthread_join(thread, NULL);
    printf("operations %llu seconds %.6f", (unsigned long long)expected, (double)(now_ns() - began_ns) / 1e9);
    print_percentiles(times_ns, trips);
    printf("\n");
}

int main(int argc, char **argv)
{
    struct arguments arguments = arguments_of(argc, argv);
    struct hark_loop *loop;
    if (hark_loop_create(NULL, &loop) < 0)
        return 1;
    if (arguments.pingpong)
        pingpong(loop, arguments);
    else
        throughput(loop, arguments);
    return 0;
}
