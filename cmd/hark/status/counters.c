/* counters.c - adding up. Every counter is a number of 64 bits, and the sum is a counter again, but
 * for the longest turn, which is the longest of all. */
#include "status/counters.h"
#include "broker/broker.h"

#include <string.h>

void counters_read(struct worker *worker, struct counters *out_counters)
{
    out_counters->served = worker->counters;
    out_counters->loop = *hark_loop_metrics(worker->loop);
    out_counters->active = hark_loop_active(worker->loop);
    if (worker->broker)
        out_counters->broker = *broker_statistics(worker->broker);
}

static void add(void *sum, const void *other, size_t bytes)
{
    uint64_t *to = sum;
    const uint64_t *from = other;
    for (size_t i = 0; i < bytes / sizeof *to; i++)
        to[i] += from[i];
}

static void add_counters(struct counters *sum, const struct counters *other)
{
    uint64_t longest_ns = sum->loop.longest_turn_ns;
    if (longest_ns < other->loop.longest_turn_ns)
        longest_ns = other->loop.longest_turn_ns;
    add(&sum->served, &other->served, sizeof sum->served);
    add(&sum->broker, &other->broker, sizeof sum->broker);
    add(&sum->loop, &other->loop, sizeof sum->loop);
    sum->loop.size = other->loop.size;
    sum->loop.longest_turn_ns = longest_ns;
    sum->active += other->active;
}

void counters_total(struct worker *owner, struct counters *out_totals)
{
    struct server *server = owner->server;
    memset(out_totals, 0, sizeof *out_totals);
    counters_read(owner, &server->counters[0]);
    for (uint32_t i = 0; i < server->count; i++)
        add_counters(out_totals, &server->counters[i]);
}

_Static_assert(sizeof(struct worker_counters) % sizeof(uint64_t) == 0,
               "counters are numbers of 64 bits alone");
_Static_assert(sizeof(struct broker_statistics) % sizeof(uint64_t) == 0,
               "counters are numbers of 64 bits alone");
_Static_assert(sizeof(struct hark_metrics) % sizeof(uint64_t) == 0,
               "counters are numbers of 64 bits alone");
