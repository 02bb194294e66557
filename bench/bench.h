/* bench.h - what the measured programs have in common: clocks, random numbers, a listening socket,
 * percentiles. */
#ifndef BENCH_H
#define BENCH_H

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static inline uint64_t clock_ns(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static inline uint64_t now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

/* What a program that measures itself looks at: the time, and the CPU time of all its threads. */
struct stopwatch {
    uint64_t began_ns;
    uint64_t began_cpu_ns;
};

static inline struct stopwatch stopwatch_start(void)
{
    return (struct stopwatch){.began_ns = now_ns(),
                              .began_cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID)};
}

/* Prints "operations _ seconds _ cpu _". Percentiles may follow, and a newline must. */
static inline void stopwatch_print(const struct stopwatch *watch, double operations)
{
    uint64_t cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - watch->began_cpu_ns;
    uint64_t time_ns = now_ns() - watch->began_ns;
    printf("operations %.3f seconds %.6f cpu %.6f", operations, (double)time_ns / 1e9,
           (double)cpu_ns / 1e9);
}

static inline void print_operations(const struct stopwatch *watch, uint64_t operations)
{
    stopwatch_print(watch, (double)operations);
    printf("\n");
}

/* Asked with --struct, a server tells the size of what it keeps for a connection itself, and
 * ends. */
static inline void answer_struct(int argc, char **argv, size_t bytes)
{
    if (argc < 2 || strcmp(argv[1], "--struct") != 0)
        return;
    printf("struct %zu\n", bytes);
    exit(0);
}

/* xorshift: the same numbers for every contestant. */
static inline uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

enum { RANDOM_SEED = 88172645 };

/* Calls on this socket fail after ten seconds, connect(2) among them: a load generator never
 * hangs. */
static inline void bound_waiting(int fd)
{
    const struct timeval ten_seconds = {.tv_sec = 10};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &ten_seconds, sizeof ten_seconds);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &ten_seconds, sizeof ten_seconds);
}

/* Room for so many times in nanoseconds, the memory there already. */
/* What this socket sends, and those that it accepts, is held back by lost packets alone, of which
 * the loopback interface has none. Where the system prefers BBR, that algorithm's guess at the
 * bandwidth decides, and halves the rate of one connection and not of the next. */
static inline void plain_tcp(int fd)
{
    const char algorithm[] = "reno"; /* every kernel has it, and anybody may choose it (tcp(7)) */
    setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, algorithm, sizeof algorithm - 1);
}

static inline uint32_t *times_make(uint64_t count)
{
    uint32_t *times_ns = malloc((count + 1) * sizeof *times_ns);
    memset(times_ns, 1, (count + 1) * sizeof *times_ns);
    return times_ns;
}

/* Listens on 127.0.0.1, non-blocking; accepted sockets inherit TCP_NODELAY. Ends the program where
 * that fails. */
static inline int listen_at(const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)(port ? atoi(port) : 0))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    plain_tcp(fd);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, SOMAXCONN) < 0) {
        perror("cannot listen");
        exit(1);
    }
    return fd;
}

static inline int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Sorts nanoseconds and prints "p50 _ p99 _ p999 _" in microseconds. */
static inline void print_percentiles(uint32_t *times_ns, uint64_t count)
{
    const double parts[] = {0.5, 0.99, 0.999};
    const char *const names[] = {"p50", "p99", "p999"};
    qsort(times_ns, count, sizeof *times_ns, by_value);
    for (int i = 0; i < 3 && count > 0; i++)
        printf(" %s %.2f", names[i], times_ns[(uint64_t)((double)(count - 1) * parts[i])] / 1e3);
}

#endif
