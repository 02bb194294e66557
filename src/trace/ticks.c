/* ticks.c - which counter there is, and how fast it goes. */
#include "trace/ticks.h"

#include <string.h>

enum {
    SPAN_NS = 1 << 17,
    LEARN_NS = 8000000,
    LEARN_MAX_NS = 1000000000,
    PAIR_NS =
        400, /* the clock twice, with the counter between: longer, and something came between */
    PAIRS_APART_MAX = 16,
    STRAY_NS = 1000,
    STRAY_SHIFT = 10, /* and a 1024th part of the time since */
};

/* --- whether there is one --- */

static bool is_source(const char *name)
{
    char text[32];
    size_t length = strlen(name);
    int fd = kernel_openat(NULL, AT_FDCWD,
                           "/sys/devices/system/clocksource/clocksource0/current_clocksource",
                           O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return false;
    int64_t count = kernel_read(NULL, fd, text, sizeof text);
    kernel_close(NULL, fd);
    return count == (int64_t)length + 1 && memcmp(text, name, length) == 0;
}

void ticks_init(struct ticks *ticks)
{
    const char *name = kernel_ticks_source();
    *ticks = (struct ticks){.trusted = name && is_source(name)};
}

/* --- pairs --- */

static uint64_t clock_ns(void)
{
    return kernel_clock_gettime(CLOCK_MONOTONIC);
}

/* The clock is read from here on. */
static void distrust(struct ticks *ticks)
{
    ticks->trusted = false;
    ticks->span = 0;
}

/* Whether the time as it would be told now is not the time. Takes: the counter, and the clock
 * before and after. */
static bool is_astray(const struct ticks *ticks, uint64_t now_ticks, uint64_t before_ns,
                      uint64_t after_ns)
{
    uint64_t since_ns = before_ns - ticks->from_ns;
    if (ticks->rate == 0 || since_ns > LEARN_MAX_NS)
        return false;
    uint64_t slack_ns = STRAY_NS + (since_ns >> STRAY_SHIFT);
    uint64_t past = now_ticks - ticks->from_ticks;
    if (past > (UINT64_MAX >> 1) / ticks->rate) /* also where it has gone back */
        return true;
    uint64_t told_ns = ticks->from_ns + (past * ticks->rate >> 32);
    return told_ns > after_ns + slack_ns || told_ns + slack_ns < before_ns;
}

/* The rate is at least what it was between two pairs: from after the first to before the second,
 * and as if the counter had just gone on there. */
static void learn(struct ticks *ticks, uint64_t now_ticks, uint64_t before_ns, uint64_t after_ns)
{
    if (ticks->base_ns == 0 || before_ns - ticks->base_ns > LEARN_MAX_NS) {
        ticks->base_ns = after_ns;
        ticks->base_ticks = now_ticks;
    } else if (before_ns - ticks->base_ns >= LEARN_NS) {
        ticks->rate = ((before_ns - ticks->base_ns) << 32) / (now_ticks - ticks->base_ticks + 1);
        ticks->base_ns = after_ns;
        ticks->base_ticks = now_ticks;
    }
}

uint64_t ticks_pair(struct ticks *ticks)
{
    uint64_t before_ns = clock_ns();
    /* Nothing is to be had from a pair now. */
    bool learns = ticks->base_ns == 0 || before_ns - ticks->base_ns >= LEARN_NS;
    if (!ticks->trusted || (ticks->rate == 0 && !learns))
        return before_ns;
    uint64_t now_ticks = kernel_ticks();
    uint64_t after_ns = clock_ns();
    if (after_ns - before_ns > PAIR_NS) {
        if (++ticks->apart == PAIRS_APART_MAX)
            distrust(ticks);
        return after_ns;
    }
    ticks->apart = 0;
    if (is_astray(ticks, now_ticks, before_ns, after_ns)) {
        distrust(ticks);
        return after_ns;
    }
    learn(ticks, now_ticks, before_ns, after_ns);
    ticks->from_ticks = now_ticks;
    ticks->from_ns = before_ns - (ticks->rate >> 32) - 1; /* a tick: it may go on just now */
    ticks->span = ticks->rate ? ((uint64_t)SPAN_NS << 32) / ticks->rate : 0;
    return after_ns;
}
