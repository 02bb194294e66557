/* shrink.c - see the header. Each trial is a process of its own, since what fails aborts. Steps go
 * first, from the last on, then kinds of faults, one by one; of those that are left, as many of the
 * first happen as are needed, which halving finds. */
#include "shrink.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

const char *const shrink_kinds[HARK_SIM_FAULT_KINDS] = {
    [HARK_SIM_FAULT_ERROR] = "errors",     [HARK_SIM_FAULT_SHORT] = "short transfers",
    [HARK_SIM_FAULT_SYNC] = "syncs",       [HARK_SIM_FAULT_BITS] = "bits",
    [HARK_SIM_FAULT_MEMORY] = "memory",    [HARK_SIM_FAULT_POWER] = "power",
    [HARK_SIM_FAULT_LINK] = "links",       [HARK_SIM_FAULT_SMALL] = "small buffers",
    [HARK_SIM_FAULT_RING] = "io_uring",    [HARK_SIM_FAULT_AWAY] = "CPUs lost",
    [HARK_SIM_FAULT_CLOCK] = "clocks set",
};

struct trial {
    const struct scene *scene;
    uint64_t seed;
    struct without without;
    uint64_t faults; /* of chance, that there were */
    uint64_t steps;  /* that the scene wanted to make */
};

static void be_silent(void)
{
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere >= 0)
        (void)dup2(nowhere, STDERR_FILENO);
}

static bool fails(struct trial *trial, bool aloud)
{
    struct worker *worker = play_workers(1);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        if (!aloud)
            be_silent();
        (void)play(trial->scene, trial->seed, trial->without, worker);
        _exit(0);
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        continue;
    trial->faults = worker->faults[HARK_SIM_FAULT_KINDS];
    trial->steps = worker->steps;
    munmap(worker, sizeof *worker);
    return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

/* What fails after few may pass after more: the fewest are looked for from the beginning. */
static void leave_out_steps(struct trial *trial)
{
    for (uint64_t steps = 1; steps < trial->steps; steps++) {
        struct trial fewer = *trial;
        fewer.without.steps_max = steps;
        if (fails(&fewer, false)) {
            *trial = fewer;
            return;
        }
    }
}

static void leave_out_kinds(struct trial *trial)
{
    for (unsigned kind = 0; kind < HARK_SIM_FAULT_KINDS; kind++) {
        struct trial without = *trial;
        without.without.faults_off |= 1u << kind;
        if (fails(&without, false))
            *trial = without;
    }
}

/* It fails with `most` of them. */
static void leave_out_last(struct trial *trial)
{
    uint64_t least = 1, most = trial->faults;
    while (least < most) {
        struct trial half = *trial;
        half.without.faults_max = least + (most - least) / 2;
        if (fails(&half, false))
            most = half.without.faults_max;
        else
            least = half.without.faults_max + 1;
    }
    if (most > 0)
        trial->without.faults_max = most;
}

static void tell_rest(const struct trial *trial)
{
    if (trial->without.steps_max)
        fprintf(stderr, "it needs %llu of %llu steps\n",
                (unsigned long long)trial->without.steps_max, (unsigned long long)trial->steps);
    if (trial->faults == 0) {
        fprintf(stderr, "it needs no fault\n");
        return;
    }
    fprintf(stderr, "it needs %llu faults:", (unsigned long long)trial->faults);
    for (unsigned kind = 0; kind < HARK_SIM_FAULT_KINDS; kind++)
        if (!(trial->without.faults_off >> kind & 1))
            fprintf(stderr, " %s", shrink_kinds[kind]);
    fprintf(stderr, "\n");
}

bool shrink(const struct scene *scene, uint64_t seed)
{
    struct trial trial = {.scene = scene, .seed = seed};
    if (!fails(&trial, false)) {
        fprintf(stderr, "%s: seed %llu does not fail\n", scene->name, (unsigned long long)seed);
        return true;
    }
    fprintf(stderr, "%s: seed %llu fails after %llu faults\n", scene->name,
            (unsigned long long)seed, (unsigned long long)trial.faults);
    leave_out_steps(&trial);
    leave_out_kinds(&trial);
    leave_out_last(&trial);
    trial.without.aloud = true;
    (void)fails(&trial, true);
    tell_rest(&trial);
    return false;
}
