/* join_wakes.h - the newest wake-ups and switches of threads. */
#ifndef HARK_COMMAND_TRACE_JOIN_WAKES_H
#define HARK_COMMAND_TRACE_JOIN_WAKES_H

#include "trace/join_cpus.h"

struct join_wake {
    uint64_t time_ns;
    int32_t cpu;
    int32_t thread; /* that is woken, or runs now */
    int32_t other;  /* that ran when it was woken */
    bool is_switch;
    struct join_cause cause; /* of the waking */
};

/* In the caller's memory, zeroed. */
struct join_wakes {
    struct join_wake *ring;
    uint64_t written;
};

/* Takes events of any kind. */
void join_wakes_take(struct join_wakes *wakes, const struct trace_kernel_event *event,
                     const struct join_cpus *cpus);

/* The last one of a thread in a time.
 * Gives: NULL: there is none. It stays until the next is taken. */
const struct join_wake *join_wakes_last(const struct join_wakes *wakes, int32_t thread,
                                        bool is_switch, uint64_t from_ns, uint64_t until_ns);

void join_wakes_done(struct join_wakes *wakes);

#endif
