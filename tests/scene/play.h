/* play.h - one scene from one seed. */
#ifndef SCENE_PLAY_H
#define SCENE_PLAY_H

#include "scene.h"

#include <sys/types.h>

/* What a process that plays has done; in memory that its parent sees. */
struct worker {
    uint64_t seed; /* that is being played */
    uint64_t seeds;
    uint64_t simulated_ns;
    uint64_t calls;
    uint64_t steps; /* that the last scene wanted to make; 0: it has not said */
    uint64_t faults[HARK_SIM_FAULT_KINDS + 1]; /* the last: all that chance brought */
    pid_t pid;
};

/* Faults that are left out: hark_sim_options. And what is to be seen. */
struct without {
    uint32_t faults_off;
    uint64_t faults_max;
    uint64_t steps_max; /* scene_steps; 0: all */
    bool aloud;         /* what processes write is to be read */
    const char *trace;  /* the directory for what loops do: hark_sim_trace; NULL: none */
};

/* In the order of their names. */
extern struct scene *scenes;

/* The program's own name, for what is told. */
extern const char *play_program;

/* Plays it. Where something does not hold that is told, and the process aborts.
 * Gives: the world's hash. */
uint64_t play(const struct scene *scene, uint64_t seed, struct without without,
              struct worker *worker);

/* Shared memory for so many workers. Ended by munmap(2). */
struct worker *play_workers(size_t count);

#endif
