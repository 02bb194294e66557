/* post.h - what the post_ programs share: their arguments, the posters with their windows of items,
 * the counting of what was handled, and the figures.
 *
 *   post_LIBRARY throughput POSTERS COUNT    POSTERS threads hand COUNT items each to one loop; an
 *                                            item is used again once it was handled
 *   post_LIBRARY pingpong 1 COUNT            two loops on two threads hand one item to and fro
 *                                            COUNT times
 *
 * The loop's thread runs on the first CPU that the process may use, the posters on the last one. A
 * program includes this once it has its `struct item`, with `atomic_bool free`, and writes `post`,
 * which hands one over. */
#ifndef POST_H
#define POST_H

#include "bench.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { WINDOW = 2048, POSTERS_MAX = 16, LINE_BYTES = 64 };

static void post(struct item *item);

struct arguments {
    bool pingpong;
    unsigned posters;
    uint64_t count;
};

static struct item *items[POSTERS_MAX]; /* a window for each poster */
static pthread_t threads[POSTERS_MAX];
static uint64_t count_each; /* what each poster posts */

/* Items, or trips. The loop's thread writes it all the time, so it has a cache line of its own. */
static struct {
    _Alignas(LINE_BYTES) uint64_t handled;
    uint64_t expected;
    char rest[LINE_BYTES - 2 * sizeof(uint64_t)];
} tally;

static uint64_t began_ns, began_cpu_ns, sent_ns;
static uint32_t *times_ns;
static int first_cpu = -1, last_cpu;

/* Keeps the calling thread on one CPU. */
static inline void pin(int cpu)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)cpu, &one);
    pthread_setaffinity_np(pthread_self(), sizeof one, &one);
}

static inline struct arguments arguments_of(int argc, char **argv)
{
    struct arguments arguments = {0};
    cpu_set_t all;
    if (argc < 4 || (arguments.posters = (unsigned)atoi(argv[2])) < 1 ||
        arguments.posters > POSTERS_MAX) {
        fprintf(stderr, "usage: %s throughput|pingpong POSTERS COUNT\n", argv[0]);
        exit(2);
    }
    arguments.pingpong = strcmp(argv[1], "pingpong") == 0;
    arguments.count = count_each = strtoull(argv[3], NULL, 10);
    tally.expected = arguments.count * arguments.posters;
    sched_getaffinity(0, sizeof all, &all);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET((size_t)cpu, &all)) {
            first_cpu = first_cpu < 0 ? cpu : first_cpu;
            last_cpu = cpu;
        }
    }
    return arguments;
}

/* --- throughput --- */

static void *post_all(void *argument)
{
    struct item *window = argument;
    pin(last_cpu);
    for (uint64_t i = 0; i < count_each; i++) {
        struct item *item = &window[i % WINDOW];
        while (!atomic_load_explicit(&item->free, memory_order_acquire))
            sched_yield();
        atomic_store_explicit(&item->free, false, memory_order_relaxed);
        post(item);
    }
    return NULL;
}

/* Makes the posters' items; then the program makes of each what its library needs. */
static inline void posters_make(struct arguments arguments)
{
    for (unsigned i = 0; i < arguments.posters; i++) {
        size_t bytes = WINDOW * sizeof(struct item);
        items[i] = aligned_alloc(LINE_BYTES, (bytes + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES);
        memset(items[i], 0, bytes);
        for (unsigned k = 0; k < WINDOW; k++)
            atomic_init(&items[i][k].free, true);
    }
}

/* The loop is run next. */
static inline void posters_start(struct arguments arguments)
{
    pin(first_cpu);
    began_ns = now_ns();
    began_cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    for (unsigned i = 0; i < arguments.posters; i++)
        pthread_create(&threads[i], NULL, post_all, items[i]);
}

/* In the loop's thread.
 * Gives: whether it was the last. */
static inline bool item_handled(struct item *item)
{
    atomic_store_explicit(&item->free, true, memory_order_release);
    return ++tally.handled == tally.expected;
}

/* The loop has ended. */
static inline int posters_print(struct arguments arguments)
{
    uint64_t cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - began_cpu_ns;
    printf("operations %llu seconds %.6f cpu %.6f\n", (unsigned long long)tally.handled,
           (double)(now_ns() - began_ns) / 1e9, (double)cpu_ns / 1e9);
    for (unsigned i = 0; i < arguments.posters; i++)
        pthread_join(threads[i], NULL);
    return tally.handled != tally.expected;
}

/* --- ping-pong --- */

static inline void trips_begin(void)
{
    times_ns = times_make(tally.expected);
    began_ns = sent_ns = now_ns();
}

/* The item is back.
 * Gives: whether it was the last trip. */
static inline bool trip_over(void)
{
    uint64_t time_ns = now_ns();
    times_ns[tally.handled++] = (uint32_t)(time_ns - sent_ns);
    sent_ns = time_ns;
    return tally.handled == tally.expected;
}

static inline int trips_print(void)
{
    printf("operations %llu seconds %.6f", (unsigned long long)tally.handled,
           (double)(now_ns() - began_ns) / 1e9);
    print_percentiles(times_ns, tally.handled);
    printf("\n");
    return tally.handled != tally.expected;
}

#endif
