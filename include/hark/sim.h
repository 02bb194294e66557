/* sim.h - a world that is simulated: machines, processes and a kernel beneath the whole of hark, in
 * virtual time, everything that chance decides chosen by one seed.
 *
 * A program that is linked with libhark-sim in place of libhark runs unchanged, loops, io_uring
 * engine, pollers, pool and all, on a kernel that is slow, short of everything and unlucky, as
 * often as the seed says; and the same seed gives the same run, to the last bit.
 *
 * A process is a function with a stack, descriptors and memory of its own. What it asks of the
 * kernel by way of hark goes to the simulated one; what it asks of the C library by itself (printf,
 * memcpy) does not. Static variables are the whole program's, and so shared by all processes, but
 * those that are HARK_SIM_PROCESS_LOCAL.
 *
 * Thread: all calls come from one thread of the real machine, in which the world runs; one world
 * runs at a time. A process may make those calls too that do not say otherwise. */
#ifndef HARK_SIM_H
#define HARK_SIM_H

#include "base.h"

HARK_BEGIN

struct hark_sim;
struct hark_sim_machine;
struct hark_sim_process;

/* Behind `static`: a variable of which each process has its own, that begins as written in the
 * source. */
#define HARK_SIM_PROCESS_LOCAL __attribute__((section("hark_process"), used))

/* How a world is made. All zero is the default. */
struct hark_sim_options {
    uint64_t seed;
    /* Faults that chance brings, of a million each: of how many calls (or completions, packets,
     * sectors) one meets them is the kind's own, this says how much more often; 0: as it is, 1:
     * never, 1000000: as it is */
    uint32_t faults_per_million;
    size_t stack_bytes;   /* of each thread of a process; 0: 256 KiB */
    uint64_t time_max_ns; /* virtual time after which hark_sim_run gives up; 0: a day */
    uint64_t calls_max;   /* system calls after which it does; 0: 100 million */
    bool quiet;           /* what processes write to their standard output and error is dropped */
};

/* Makes a world without machines. It is the one that the calling program runs in from here on.
 * Takes: options, or NULL for the defaults.
 * Gives: 0 and *out_world; release it with hark_sim_destroy.
 * Fails: -EBUSY there is a world already; -ENOMEM. */
HARK_API int hark_sim_create(const struct hark_sim_options *options, struct hark_sim **out_world);

/* Releases the world and all that its processes have. Not from a process.
 * Takes: NULL: nothing happens. */
HARK_API void hark_sim_destroy(struct hark_sim *world);

/* Adds a machine, switched on, with an empty disk. Its address is 10.0.0.N, N its number from 1,
 * and 127.0.0.1.
 * Gives: the machine, which lives as long as the world; NULL: no memory. */
HARK_API struct hark_sim_machine *hark_sim_add_machine(struct hark_sim *world);

/* Starts a process: `main` runs in it, with the argument, when the world runs. It ends when main
 * returns.
 * Takes: a machine that is switched on.
 * Gives: the process, which lives as long as the world; NULL: no memory. */
HARK_API struct hark_sim_process *hark_sim_start(struct hark_sim_machine *machine,
                                                 int (*main)(void *argument), void *argument);

/* Sets a variable of a process's environment, as hark asks for it (HARK_BACKEND); before it runs.
 * Where HARK_BACKEND is not set the seed chooses.
 * Fails: -ENOMEM. */
HARK_API int hark_sim_setenv(struct hark_sim_process *process, const char *name, const char *value);

/* Runs until all processes have ended. Not from a process.
 * Gives: 0.
 * Fails: -EDEADLK all that are left sleep, and nothing will wake them; -ETIME time_max_ns or
 *   calls_max is over. */
HARK_API int hark_sim_run(struct hark_sim *world);

/* The same, for that much virtual time at the longest.
 * Gives: 0 all have ended; 1 time is up.
 * Fails: as hark_sim_run. */
HARK_API int hark_sim_run_for(struct hark_sim *world, uint64_t duration_ns);

/* Whether main has returned, or the process was killed; and what it returned, or 128 and the number
 * of the signal. */
HARK_API bool hark_sim_ended(const struct hark_sim_process *process);
HARK_API int hark_sim_status(const struct hark_sim_process *process);

/* Sends a signal, as kill(2) does. What nobody handles ends the process, but for those that are
 * ignored by default.
 * Fails: -ESRCH it has ended; -EINVAL there is no such signal. */
HARK_API int hark_sim_signal(struct hark_sim_process *process, int number);

/* SIGKILL: it is gone at once, and what it had goes back: descriptors, memory, threads. Not from
 * that process itself. */
HARK_API void hark_sim_kill(struct hark_sim_process *process);

/* The world's virtual time, of CLOCK_MONOTONIC of all machines, in nanoseconds. */
HARK_API uint64_t hark_sim_now(const struct hark_sim *world);

/* A number below the bound, as the seed has it: for scenes.
 * Takes: bound: above 0. */
HARK_API uint64_t hark_sim_random(struct hark_sim *world, uint64_t bound);

/* A number that stands for all that has happened so far: each call, its time and its result. Runs
 * of one seed give the same one. */
HARK_API uint64_t hark_sim_hash(const struct hark_sim *world);

/* System calls so far. */
HARK_API uint64_t hark_sim_calls(const struct hark_sim *world);

HARK_END

#endif
