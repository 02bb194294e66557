/* join_cpus.h - in which interrupt each CPU is, and what came of it: the cause of what happens in
 * it. */
#ifndef HARK_COMMAND_TRACE_JOIN_CPUS_H
#define HARK_COMMAND_TRACE_JOIN_CPUS_H

#include <stdbool.h>

#include "trace/kernel.h"

/* Times are 0 where there was no such thing. */
struct join_cause {
    uint64_t irq_ns;
    uint64_t softirq_ns;
    uint64_t received_ns; /* the newest packet within it */
    uint32_t irq;
    uint32_t vector;
    uint32_t bytes;   /* of that packet */
    uint32_t packets; /* within it, so far */
    int32_t cpu;
    char irq_name[20];
    char network[20]; /* device */
};

enum { JOIN_VECTORS = 10 };

struct join_cpu {
    struct join_cause irq;                  /* the newest */
    struct join_cause softirq;              /* the newest */
    struct join_cause raised[JOIN_VECTORS]; /* by which interrupt each has been asked for */
    bool in_irq;
    bool in_softirq;
};

/* In the caller's memory, zeroed. */
struct join_cpus {
    struct join_cpu *cpus;
    size_t count;
};

/* Takes events of any kind. */
void join_cpus_take(struct join_cpus *cpus, const struct trace_kernel_event *event);

/* In what a CPU is now. All zero: in no interrupt. */
struct join_cause join_cpus_cause(const struct join_cpus *cpus, int32_t cpu);

void join_cpus_done(struct join_cpus *cpus);

#endif
