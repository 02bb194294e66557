/* world.c - two processes in simulated worlds: each has variables of its own, its number of process
 * and its signals; what a process writes (WRITTEN) stands on its machine's disk, not here, and not
 * in the next world. Each ends with ten times its own number, which was 10, then more by what it
 * was told and by SIGUSR1 (10), and with the number of its process. */
#include <fcntl.h>
#include <hark.h>
#include <hark/sim.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static HARK_SIM_PROCESS_LOCAL int turns = 10;

static void signalled(struct hark_op *op, int64_t result)
{
    if (!hark_op_more(op))
        return;
    turns += (int)result;
    hark_cancel(op);
}

static int process(void *argument)
{
    struct hark_op op = {0};
    struct hark_loop *loop;
    if (hark_loop_create(NULL, &loop) < 0)
        return 1;
    int file = open(WRITTEN, O_RDWR | O_CREAT | O_APPEND, 0600);
    if (file < 0 || write(file, "x", 1) != 1 || lseek(file, 0, SEEK_END) > 2)
        return 2;
    hark_signal_each(loop, &op, SIGUSR1, signalled);
    turns += *(int *)argument;
    return hark_run(loop) < 0 || hark_loop_destroy(loop) < 0 ? 1 : turns * 10 + (int)getpid();
}

int main(void)
{
    int added[] = {1, 2};
    struct hark_sim_process *processes[2];
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct hark_sim *world;
        struct hark_sim_options options = {.seed = seed};
        if (hark_sim_create(&options, &world) < 0)
            return 1;
        struct hark_sim_machine *machine = hark_sim_add_machine(world);
        for (int i = 0; i < 2; i++)
            processes[i] = hark_sim_start(machine, process, &added[i]);
        if (hark_sim_run_for(world, UINT64_C(1000000000)) != 1)
            return 2;
        for (int i = 0; i < 2; i++)
            hark_sim_signal(processes[i], SIGUSR1);
        if (hark_sim_run(world) < 0)
            return 3;
        printf("%d %d ", hark_sim_status(processes[0]), hark_sim_status(processes[1]));
        hark_sim_destroy(world);
    }
    return 0;
}
