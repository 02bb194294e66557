/* timers.h - what the timers_ programs share: passes, and the figures that are made of them.
 *
 *   timers_LIBRARY COUNT
 *
 * COUNT timers are started, restarted and stopped, PASSES times in one process. The first start
 * grows the library's tables and pays for memory that is new, so it has a figure of its own; the
 * rest are medians of the later passes. Then all are started over a tenth of a second, and run once
 * all are due: the figure is the later one of two such passes. What each is started with is there
 * before, in the library's own unit. One line at the end, in nanoseconds each. */
#ifndef TIMERS_H
#define TIMERS_H

#include "bench.h"

enum { PASSES = 4, EXPIRIES = 2 };

/* One figure, pass by pass. */
struct passes {
    unsigned count;
    double each_ns[PASSES];
};

static uint64_t timers_ended;

static inline uint64_t timers_count(int argc, char **argv)
{
    return argc > 1 ? strtoull(argv[1], NULL, 10) : 1000;
}

/* Adds what a pass took since from_ns. */
static inline void pass_add(struct passes *passes, uint64_t from_ns, uint64_t timers)
{
    passes->each_ns[passes->count++] = (double)(now_ns() - from_ns) / (double)timers;
}

static inline int by_size(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median of all passes but the first. */
static inline double pass_median(struct passes *passes)
{
    qsort(passes->each_ns + 1, passes->count - 1, sizeof passes->each_ns[0], by_size);
    return passes->each_ns[1 + (passes->count - 1) / 2];
}

static inline void sleep_until(uint64_t time_ns)
{
    struct timespec until = {.tv_sec = (time_t)(time_ns / 1000000000u),
                             .tv_nsec = (long)(time_ns % 1000000000u)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

/* Ends the program where not all timers were called. */
static inline void timers_all_ended(uint64_t count)
{
    if (timers_ended != count) {
        fprintf(stderr, "%llu of %llu timers were called\n", (unsigned long long)timers_ended,
                (unsigned long long)count);
        exit(1);
    }
    timers_ended = 0;
}

/* A newline must follow. */
static inline void timers_print(struct passes *start, struct passes *restart, struct passes *stop,
                                struct passes *expiry, size_t bytes)
{
    printf("first_start %.1f start %.1f restart %.1f stop %.1f expiry %.1f bytes %zu",
           start->each_ns[0], pass_median(start), pass_median(restart), pass_median(stop),
           pass_median(expiry), bytes);
}

#endif
