/* times.c - counting the times of ops that have ended. */
#include "stages/times.h"

const char *stage_name(enum stage stage)
{
    static const char *const names[STAGES] = {
        [STAGE_SUBMISSION] = "submission",
        [STAGE_KERNEL] = "kernel",
        [STAGE_NOTIFICATION] = "notification",
        [STAGE_CALLBACK] = "callback",
    };
    return names[stage];
}

const char *stage_lateness_name(enum stage_lateness lateness)
{
    return lateness == STAGE_LATE_TIMERS ? "timers" : "callbacks";
}

/* --- histograms --- */

static void add(struct stage_histogram *histogram, uint64_t duration_ns)
{
    int bucket = duration_ns ? 63 - __builtin_clzll(duration_ns) : 0;
    histogram->buckets[bucket < STAGE_BUCKETS ? bucket : STAGE_BUCKETS - 1]++;
    histogram->sum_ns += duration_ns;
}

uint64_t stage_histogram_count(const struct stage_histogram *histogram)
{
    uint64_t count = 0;
    for (int i = 0; i < STAGE_BUCKETS; i++)
        count += histogram->buckets[i];
    return count;
}

double stage_bucket_seconds(int bucket)
{
    return (double)(UINT64_C(2) << bucket) / 1e9;
}

/* --- ops --- */

static void add_lateness(struct stage_times *times, const struct trace_op *op)
{
    uint64_t woken_ns = op->woke_ns ? op->woke_ns : op->returned_ns;
    /* What was due when it was asked for could not have come before. */
    uint64_t due_ns = op->due_ns > op->request_ns ? op->due_ns : op->request_ns;
    if (op->call_ns == 0)
        return;
    if (op->due_ns != 0 && op->result >= 0 && op->call_ns >= due_ns)
        add(&times->late[STAGE_LATE_TIMERS], op->call_ns - due_ns);
    if (woken_ns != 0 && op->call_ns >= woken_ns)
        add(&times->late[STAGE_LATE_CALLBACKS], op->call_ns - woken_ns);
}

void stage_times_add(struct stage_times *times, const struct trace_op *op)
{
    static const enum trace_span spans[STAGES] = {
        [STAGE_SUBMISSION] = TRACE_SPAN_ASKED,
        [STAGE_KERNEL] = TRACE_SPAN_AWAY,
        [STAGE_NOTIFICATION] = TRACE_SPAN_READY,
        [STAGE_CALLBACK] = TRACE_SPAN_CALLBACK,
    };
    if (op->kind >= HARK_OP_KINDS)
        return;
    for (enum stage stage = 0; stage < STAGES; stage++) {
        uint64_t duration_ns = trace_op_span(op, spans[stage]);
        if (duration_ns != TRACE_OP_UNKNOWN)
            add(&times->ops[op->kind][stage], duration_ns);
    }
    add_lateness(times, op);
}

_Static_assert(sizeof(struct stage_times) % sizeof(uint64_t) == 0,
               "times are numbers of 64 bits alone");

void stage_times_join(struct stage_times *times, const struct stage_times *others)
{
    uint64_t *to = (uint64_t *)(void *)times;
    const uint64_t *from = (const uint64_t *)(const void *)others;
    for (size_t i = 0; i < sizeof *times / sizeof *to; i++)
        to[i] += from[i];
}
