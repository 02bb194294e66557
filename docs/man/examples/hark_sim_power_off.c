/* A server runs for up to a second of virtual time; then its machine's power fails, and another
 * process finds on its disk what was synced before. */
static int (*serve)(void *argument);
static int (*look)(void *argument);

static int lose_power(struct hark_sim *world)
{
    struct hark_sim_machine *machine = hark_sim_add_machine(world);
    if (!hark_sim_start(machine, serve, NULL))
        return -ENOMEM;
    int result = hark_sim_run_for(world, hark_sim_random(world, 1000000000));
    hark_sim_power_off(machine);
    hark_sim_power_on(machine);
    if (result < 0 || !hark_sim_start(machine, look, NULL))
        return result < 0 ? result : -ENOMEM;
    return hark_sim_run(world);
}
