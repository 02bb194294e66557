/* post.h - what the post_ programs share: their arguments, the window of items of a poster, and how the figures are printed.
 *
 *   post_LIBRARY throughput POSTERS COUNT    POSTERS threads post COUNT items each to one loop; an item is used again once it was
 * handled post_LIBRARY pingpong 1 COUNT            two loops on two threads hand one item to and fro COUNT times
 *
 * The loop's thread runs on the first CPU that the process may use, the posters on the last one. */
#ifndef POST_H
#define POST_H

#include "bench.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

enum { WINDOW = 1024, POSTERS_MAX = 16 };

struct arguments {
    bool pingpong;
    unsigned posters;
    uint64_t count;
};

static int first_cpu = -1, last_cpu;

static inline struct arguments arguments_of(int argc, char **argv)
{
    struct arguments arguments = {0};
    cpu_set_t all;
    if (argc < 4 || (arguments.posters = (unsigned)atoi(argv[2])) < 1 || arguments.posters > POSTERS_MAX) {
        fprintf(stderr, "usage: %s throughput|pingpong POSTERS COUNT\n", argv[0]);
        exit(2);
    }
    arguments.pingpong = strcmp(argv[1], "pingpong") == 0;
    arguments.count = strtoull(argv[3], NULL, 10);
    sched_getaffinity(0, sizeof all, &all);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET((size_t)cpu, &all)) {
            first_cpu = first_cpu < 0 ? cpu : first_cpu;
            last_cpu = cpu;
        }
    }
    return arguments;
}

/* Keeps the calling thread on one CPU. */
static inline void pin(int cpu)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)cpu, &one);
    pthread_setaffinity_np(pthread_self(), sizeof one, &one);
}

static inline void print_throughput(uint64_t items, uint64_t began_ns, uint64_t loop_cpu_ns)
{
    printf("operations %llu seconds %.6f cpu %.6f\n", (unsigned long long)items, (double)(now_ns() - began_ns) / 1e9,
           (double)loop_cpu_ns / 1e9);
}

#endif
