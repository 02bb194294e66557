/* wall.c - see the header. A clock that is wrong is set by somebody (clock_settime(2)), or goes
 * faster or slower for a while (adjtimex(2)); programs have to live with both. */
#include "sim/world/wall.h"
#include "sim/world/luck.h"
#include "sim/world/notes.h"

enum {
    DRIFT_MOST_PPM = 500, /* adjtimex(2): the most that is corrected for */
    STEPS_PER_MILLION = 1000,
    FAR_ONE_IN = 8,
    MILLION = 1000000,
};

static const uint64_t second_ns = UINT64_C(1000000000);
static const uint64_t hour_ns = UINT64_C(3600) * 1000000000;
static const uint64_t tick_ns = 4000000;                               /* a jiffy of HZ 250 */
static const uint64_t at_first_ns = UINT64_C(1700000000) * 1000000000; /* in November of 2023 */

static int64_t chance_around(uint64_t most)
{
    return (int64_t)chance_below(&world->chance, 2 * most + 1) - (int64_t)most;
}

void wall_begin(struct machine *machine)
{
    machine->wall = (struct wall){
        .at_ns = at_first_ns + chance_below(&world->chance, second_ns),
        .from_ns = world->now_ns,
        .ppm = chance_around(DRIFT_MOST_PPM),
    };
}

uint64_t wall_ns(const struct machine *machine)
{
    const struct wall *wall = &machine->wall;
    int64_t passed_ns = (int64_t)(world->now_ns - wall->from_ns);
    int64_t fast_ns = passed_ns / MILLION * wall->ppm + passed_ns % MILLION * wall->ppm / MILLION;
    return wall->at_ns + (uint64_t)(passed_ns + fast_ns);
}

uint64_t wall_coarse_ns(const struct machine *machine)
{
    uint64_t now_ns = wall_ns(machine);
    return now_ns - now_ns % tick_ns;
}

static void set(struct machine *machine, int64_t step_ns)
{
    machine->wall.at_ns = wall_ns(machine) + (uint64_t)step_ns;
    machine->wall.from_ns = world->now_ns;
    note("wall clock", 0, (uint64_t)machine->number, (uint64_t)step_ns);
}

uint64_t wall_read(struct machine *machine)
{
    if (luck_errs(HARK_SIM_FAULT_CLOCK, STEPS_PER_MILLION)) {
        uint64_t most_ns = chance_below(&world->chance, FAR_ONE_IN) == 0 ? hour_ns : second_ns;
        set(machine, chance_around(most_ns));
    }
    return wall_ns(machine);
}

void hark_sim_step_clock(struct hark_sim_machine *of, int64_t step_ns)
{
    set((struct machine *)of, step_ns);
}
