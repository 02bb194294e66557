/* power.c - what a power loss leaves: pages.c says it of contents, changes.c of names. */
#include "sim/disk/power.h"
#include "base/check.h"
#include "sim/disk/changes.h"
#include "sim/disk/directory.h"
#include "sim/disk/facts.h"
#include "sim/disk/pages.h"
#include "sim/net/network.h"
#include "sim/world/luck.h"
#include "sim/world/notes.h"
#include "sim/world/process.h"

enum { STATUS_KILLED = 128 + SIGKILL };

/* Names first: what none is left of is lost as a whole. */
static void lose(struct disk *disk)
{
    changes_lose(disk);
    for (struct inode *inode = disk->first; inode; inode = inode->next) {
        facts_lose(inode);
        if (S_ISREG(inode->mode))
            pages_lose(inode);
    }
    directory_read_device(disk);
    disk->busy_until_ns = 0;
}

void power_off(struct machine *machine)
{
    struct process *running = world->thread ? world->thread->process : NULL;
    if (!machine->on)
        return;
    machine->on = false;
    events_remove(&world->events, &machine->power_fails);
    luck_count(HARK_SIM_FAULT_POWER);
    note("power off", (uint64_t)machine->number, 0, 0);
    for (struct process *process = world->processes; process; process = process->next)
        if (process->machine == machine && process != running)
            process_end(process, STATUS_KILLED);
    if (machine->disk)
        lose(machine->disk);
    if (running && running->machine == machine)
        process_end(running, STATUS_KILLED);
}

void hark_sim_power_off(struct hark_sim_machine *machine)
{
    power_off((struct machine *)machine);
}

void hark_sim_power_on(struct hark_sim_machine *machine)
{
    struct machine *switched = (struct machine *)machine;
    if (switched->on)
        return;
    events_drop(&world->events, switched);
    network_forget(switched);
    switched->on = true;
    note("power on", (uint64_t)switched->number, 0, 0);
}

bool hark_sim_is_on(const struct hark_sim_machine *machine)
{
    return ((const struct machine *)machine)->on;
}
