/* counters.c - adding up. Every counter of a sheet is a number of 64 bits, and the sum is a counter
 * again, but for the longest turn, which is the longest of all. */
#include "status/counters.h"

#include <string.h>

void sheet_read(struct agent *agent, struct sheet *out_sheet)
{
    out_sheet->counters = agent->counters;
    out_sheet->loop = *hark_loop_metrics(agent->loop);
    out_sheet->active = hark_loop_active(agent->loop);
    if (agent->broker)
        out_sheet->broker = *broker_statistics(agent->broker);
}

static void add(void *sum, const void *other, size_t bytes)
{
    uint64_t *to = sum;
    const uint64_t *from = other;
    for (size_t i = 0; i < bytes / sizeof *to; i++)
        to[i] += from[i];
}

static void add_sheet(struct sheet *sum, const struct sheet *other)
{
    uint64_t longest_ns = sum->loop.longest_turn_ns;
    if (longest_ns < other->loop.longest_turn_ns)
        longest_ns = other->loop.longest_turn_ns;
    add(&sum->counters, &other->counters, sizeof sum->counters);
    add(&sum->broker, &other->broker, sizeof sum->broker);
    add(&sum->loop, &other->loop, sizeof sum->loop);
    sum->loop.size = other->loop.size;
    sum->loop.longest_turn_ns = longest_ns;
    sum->active += other->active;
}

void totals_read(struct agent *owner, struct sheet *out_totals)
{
    struct crew *crew = owner->crew;
    memset(out_totals, 0, sizeof *out_totals);
    sheet_read(owner, &crew->sheets[0]);
    for (uint32_t i = 0; i < crew->count; i++)
        add_sheet(out_totals, &crew->sheets[i]);
}

_Static_assert(sizeof(struct agent_counters) % sizeof(uint64_t) == 0,
               "counters are numbers of 64 bits alone");
_Static_assert(sizeof(struct broker_statistics) % sizeof(uint64_t) == 0,
               "counters are numbers of 64 bits alone");
_Static_assert(sizeof(struct hark_metrics) % sizeof(uint64_t) == 0,
               "counters are numbers of 64 bits alone");
