/* join_cpus.c - follows interrupts and softirqs. */
#include "trace/join_cpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct join_cpu *cpu_of(struct join_cpus *cpus, int32_t number)
{
    size_t at = (size_t)number;
    if (at >= cpus->count) {
        struct join_cpu *grown = realloc(cpus->cpus, (at + 1) * sizeof *grown);
        if (!grown)
            return NULL;
        memset(grown + cpus->count, 0, (at + 1 - cpus->count) * sizeof *grown);
        cpus->cpus = grown;
        cpus->count = at + 1;
    }
    return &cpus->cpus[at];
}

static void enter_irq(struct join_cpu *cpu, const struct trace_kernel_event *event)
{
    cpu->in_irq = true;
    cpu->irq = (struct join_cause){
        .irq_ns = event->time_ns, .irq = (uint32_t)event->number, .cpu = event->cpu};
    snprintf(cpu->irq.irq_name, sizeof cpu->irq.irq_name, "%s", event->text);
}

static void enter_softirq(struct join_cpu *cpu, const struct trace_kernel_event *event)
{
    struct join_cause cause = {0};
    if (event->number < JOIN_VECTORS) {
        cause = cpu->raised[event->number];
        memset(&cpu->raised[event->number], 0, sizeof cause);
    }
    cause.cpu = event->cpu;
    cause.softirq_ns = event->time_ns;
    cause.vector = (uint32_t)event->number;
    cpu->in_softirq = true;
    cpu->softirq = cause;
}

static void receive(struct join_cpu *cpu, const struct trace_kernel_event *event)
{
    if (!cpu->in_softirq)
        return;
    cpu->softirq.received_ns = event->time_ns;
    cpu->softirq.bytes = event->length;
    cpu->softirq.packets++;
    snprintf(cpu->softirq.network, sizeof cpu->softirq.network, "%s", event->text);
}

void join_cpus_take(struct join_cpus *cpus, const struct trace_kernel_event *event)
{
    struct join_cpu *cpu = cpu_of(cpus, event->cpu);
    if (!cpu)
        return;
    switch (event->what) {
    case TRACE_KERNEL_IRQ_ENTRY:
        return enter_irq(cpu, event);
    case TRACE_KERNEL_IRQ_EXIT:
        cpu->in_irq = false;
        return;
    case TRACE_KERNEL_SOFTIRQ_RAISE:
        if (cpu->in_irq && event->number < JOIN_VECTORS)
            cpu->raised[event->number] = cpu->irq;
        return;
    case TRACE_KERNEL_SOFTIRQ_ENTRY:
        return enter_softirq(cpu, event);
    case TRACE_KERNEL_SOFTIRQ_EXIT:
        cpu->in_softirq = false;
        return;
    case TRACE_KERNEL_RECEIVE:
        return receive(cpu, event);
    default:
        return;
    }
}

struct join_cause join_cpus_cause(const struct join_cpus *cpus, int32_t cpu)
{
    const struct join_cpu *own = (size_t)cpu < cpus->count ? &cpus->cpus[cpu] : NULL;
    if (own && own->in_irq)
        return own->irq;
    if (own && own->in_softirq)
        return own->softirq;
    return (struct join_cause){.cpu = cpu};
}

void join_cpus_done(struct join_cpus *cpus)
{
    free(cpus->cpus);
    memset(cpus, 0, sizeof *cpus);
}
