/* bench.h - what the measured programs have in common: clocks, random numbers, a listening socket, percentiles. */
#ifndef BENCH_H
#define BENCH_H

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
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

/* xorshift: the same numbers for every contestant. */
static inline uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

enum { RANDOM_SEED = 88172645 };

/* Listens on 127.0.0.1, non-blocking; accepted sockets inherit TCP_NODELAY. Ends the program where that fails. */
static inline int listen_at(const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)(port ? atoi(port) : 0))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
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
