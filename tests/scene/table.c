/* table.c - see the header. Faults have a line of their own: there are more kinds than fit beside
 * the rest. */
#include "table.h"

#include "shrink.h"

#include <stdio.h>

static double rate_of(const struct played *played)
{
    return played->seconds > 0 ? (double)played->sum.seeds / played->seconds : 0;
}

static void tell_rates(const struct played *played, const char *name)
{
    fprintf(stderr, "  %-12s %10llu %9.0f %9.0f %12.1f %12.1f  %s\n", name,
            (unsigned long long)played->sum.seeds, played->seconds, rate_of(played),
            (double)played->sum.simulated_ns / 3.6e12, (double)played->sum.calls / 1e6,
            played->holds ? "" : "fails");
}

static void tell_kinds(const struct played *played, size_t count, const struct played *all)
{
    for (int kind = 0; kind < HARK_SIM_FAULT_KINDS; kind++) {
        if (all->sum.faults[kind] == 0)
            continue;
        fprintf(stderr, "  %-15s", shrink_kinds[kind]);
        for (size_t i = 0; i < count; i++)
            fprintf(stderr, " %12llu", (unsigned long long)played[i].sum.faults[kind]);
        fprintf(stderr, " %12llu\n", (unsigned long long)all->sum.faults[kind]);
    }
}

static void add(struct played *all, const struct played *played)
{
    all->seconds += played->seconds;
    all->holds &= played->holds;
    all->sum.seeds += played->sum.seeds;
    all->sum.simulated_ns += played->sum.simulated_ns;
    all->sum.calls += played->sum.calls;
    for (int kind = 0; kind <= HARK_SIM_FAULT_KINDS; kind++)
        all->sum.faults[kind] += played->sum.faults[kind];
}

void table_tell(const struct played *played, size_t count)
{
    struct played all = {.holds = true};
    for (size_t i = 0; i < count; i++)
        add(&all, &played[i]);
    fprintf(stderr, "\n  %-12s %10s %9s %9s %12s %12s\n", "scene", "seeds", "seconds", "a second",
            "simulated h", "10^6 calls");
    for (size_t i = 0; i < count; i++)
        tell_rates(&played[i], played[i].scene->name);
    tell_rates(&all, "all");
    fprintf(stderr, "\n  %-15s", "faults");
    for (size_t i = 0; i < count; i++)
        fprintf(stderr, " %12s", played[i].scene->name);
    fprintf(stderr, " %12s\n", "all");
    tell_kinds(played, count, &all);
    fprintf(stderr, "\n");
}
