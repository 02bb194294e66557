/* Plays a thousand worlds, and says which of them fails: its seed plays it again. `play` starts
 * processes in the world, runs it, and gives whether what must hold does. */
static int look_for_faults(bool (*play)(struct hark_sim *world))
{
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        struct hark_sim *world;
        if (hark_sim_create(&(struct hark_sim_options){.seed = seed}, &world) < 0)
            return 1;
        bool holds = play(world);
        if (!holds) {
            printf("seed %llu fails, in the end:\n", (unsigned long long)seed);
            fflush(stdout);
            hark_sim_tell(world, STDOUT_FILENO, 50);
        }
        hark_sim_destroy(world);
        if (!holds)
            return 1;
    }
    return 0;
}
