/* join_wakes.c - a ring of wake-ups in the order of their times. */
#include "trace/join_wakes.h"

#include <stdlib.h>

enum { WAKES = 1 << 15, STEPS_MAX = 4096 };

void join_wakes_take(struct join_wakes *wakes, const struct trace_kernel_event *event,
                     const struct join_cpus *cpus)
{
    if (event->what != TRACE_KERNEL_WAKING && event->what != TRACE_KERNEL_SWITCH)
        return;
    if (!wakes->ring)
        wakes->ring = calloc(WAKES, sizeof *wakes->ring);
    if (!wakes->ring)
        return;
    struct join_wake *wake = &wakes->ring[wakes->written++ % WAKES];
    *wake = (struct join_wake){
        .time_ns = event->time_ns,
        .cpu = event->cpu,
        .thread = (int32_t)event->number,
        .other = event->thread,
        .is_switch = event->what == TRACE_KERNEL_SWITCH,
    };
    if (!wake->is_switch)
        wake->cause = join_cpus_cause(cpus, event->cpu);
}

static const struct join_wake *at(const struct join_wakes *wakes, uint64_t number)
{
    return &wakes->ring[number % WAKES];
}

/* How many are not younger than a time. */
static uint64_t count_until(const struct join_wakes *wakes, uint64_t oldest, uint64_t until_ns)
{
    uint64_t low = oldest, high = wakes->written;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (at(wakes, middle)->time_ns <= until_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct join_wake *join_wakes_last(const struct join_wakes *wakes, int32_t thread,
                                        bool is_switch, uint64_t from_ns, uint64_t until_ns)
{
    uint64_t oldest = wakes->written > WAKES ? wakes->written - WAKES : 0;
    uint64_t number = count_until(wakes, oldest, until_ns);
    for (int steps = 0; number > oldest && steps < STEPS_MAX; steps++) {
        const struct join_wake *wake = at(wakes, --number);
        if (wake->time_ns < from_ns)
            return NULL;
        if (wake->thread == thread && wake->is_switch == is_switch)
            return wake;
    }
    return NULL;
}

void join_wakes_done(struct join_wakes *wakes)
{
    free(wakes->ring);
    wakes->ring = NULL;
}
