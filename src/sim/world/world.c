/* world.c - making and running a world. */
#include "base/check.h"
#include "sim/disk/disk.h"
#include "sim/net/network.h"
#include "sim/world/faults.h"
#include "sim/world/hosts.h"
#include "sim/world/locals.h"
#include "sim/world/notes.h"
#include "sim/world/process.h"
#include "sim/world/recordings.h"
#include "sim/world/schedule.h"
#include "sim/world/state.h"
#include "sim/world/wall.h"

#include <errno.h>

struct hark_sim *world;

enum { STACK_BYTES = 256 * 1024 };
static const uint64_t time_at_first_ns = UINT64_C(1000000000); /* a second after the start */
static const uint64_t day_ns = UINT64_C(86400) * 1000000000;

int hark_sim_create(const struct hark_sim_options *options, struct hark_sim **out_world)
{
    if (world)
        return -EBUSY;
    world = memory_own(sizeof *world);
    world->options = options ? *options : (struct hark_sim_options){0};
    if (world->options.stack_bytes == 0)
        world->options.stack_bytes = STACK_BYTES;
    if (world->options.time_max_ns == 0)
        world->options.time_max_ns = day_ns;
    if (world->options.calls_max == 0)
        world->options.calls_max = 100000000;
    world->errs = world->options.faults_per_million > 1;
    if (world->options.faults_per_million == 0)
        world->options.faults_per_million = 1000000;
    chance_seed(&world->chance, world->options.seed);
    file_begin();
    faults_begin();
    notes_begin(world);
    recordings_begin();
    world->now_ns = time_at_first_ns;
    world->hash = UINT64_C(0xcbf29ce484222325);
    *out_world = world;
    return 0;
}

void hark_sim_destroy(struct hark_sim *ended)
{
    if (!ended)
        return;
    check(ended == world && !world->thread);
    struct process *process;
    while ((process = world->processes)) {
        struct process *next = process->next;
        process_destroy(process);
        world->processes = next;
    }
    struct machine *machine;
    while ((machine = world->machines)) {
        events_drop(&world->events, machine);
        events_remove(&world->events, &machine->power_fails);
        network_destroy(machine);
        world->machines = machine->next;
        disk_destroy(machine->disk);
        memory_own_free(machine);
    }
    faults_done();
    recordings_done();
    locals_of(NULL);
    locals_done();
    hosts_done(ended);
    notes_done();
    memory_own_free(world->ready);
    events_done(&world->events);
    memory_own_free(world);
    world = NULL;
}

/* Of Linux: with each, io_uring has learnt something that hark uses. */
static const int versions[] = {519, 600, 601, 606, 609, 615};

struct hark_sim_machine *hark_sim_add_machine(struct hark_sim *in)
{
    struct machine *machine = memory_own(sizeof *machine);
    machine->world = in;
    machine->number = ++in->machine_count;
    machine->on = true;
    wall_begin(machine);
    machine->uring_version =
        versions[chance_below(&in->chance, sizeof versions / sizeof *versions)];
    machine->next = in->machines;
    in->machines = machine;
    return (struct hark_sim_machine *)machine;
}

/* --- running --- */

static bool all_have_ended(void)
{
    for (const struct process *process = world->processes; process; process = process->next)
        if (!process->ended)
            return false;
    return true;
}

int hark_sim_run_for(struct hark_sim *run, uint64_t duration_ns)
{
    check(run == world && !world->thread);
    uint64_t until_ns =
        duration_ns < UINT64_MAX - world->now_ns ? world->now_ns + duration_ns : UINT64_MAX;
    int result = schedule_run(until_ns, process_bury);
    locals_of(NULL);
    if (result)
        return result;
    if (all_have_ended())
        return 0;
    if (until_ns == UINT64_MAX)
        return -EDEADLK;
    if (world->now_ns < until_ns)
        world->now_ns = until_ns;
    return 1;
}

int hark_sim_run(struct hark_sim *run)
{
    return hark_sim_run_for(run, UINT64_MAX);
}

uint64_t hark_sim_now(const struct hark_sim *of)
{
    return of->now_ns;
}

uint64_t hark_sim_random(struct hark_sim *of, uint64_t bound)
{
    return chance_below(&of->chance, bound);
}

uint64_t hark_sim_calls(const struct hark_sim *of)
{
    return of->calls;
}
