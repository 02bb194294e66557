/* sim.h - a world that is simulated: machines, processes and a kernel beneath the whole of hark, in
 * virtual time, everything that chance decides chosen by one seed.
 *
 * A program that is linked with libhark-sim in place of libhark runs unchanged, loops, io_uring
 * engine, pollers, pool and all, on a kernel that is slow, short of everything and unlucky, as
 * often as the seed says; and the same seed gives the same run, to the last bit.
 *
 * A process is a function with a stack, descriptors and memory of its own. What it asks of the
 * kernel by way of hark, or by the C library's names of system calls, goes to the simulated one;
 * what the C library asks by itself, as in fopen(3), does not. Static variables are the whole
 * program's, and so shared by all processes, but those that are HARK_SIM_PROCESS_LOCAL.
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
    /* Faults that chance brings. Of how many calls (or completions, packets, sectors) one meets
     * them is the kind's own; this says how much more often: 1: never, 1000000: as it is. 0: as it
     * is, but those alone that a program has to bear anyway, such as a read that gives fewer bytes:
     * no error, no damage. Threads lose their CPU for a while in any case */
    uint32_t faults_per_million;
    /* Of those that chance brings: kinds that do not happen, a bit for each (1 << kind), and after
     * how many none happens any more; 0: never. What happens before is as without: so the few that
     * a failure needs are found */
    uint32_t faults_off;
    uint64_t faults_max;
    size_t stack_bytes;   /* of each thread of a process; 0: 256 KiB */
    uint64_t time_max_ns; /* virtual time after which hark_sim_run gives up; 0: a day */
    uint64_t calls_max;   /* system calls after which it does; 0: 100 million */
    bool quiet;           /* what processes write to their standard output and error is dropped */

    /* Between machines: how long a packet is under way, how many of a million are lost, how much a
     * link carries. 0: the defaults, 30 microseconds to 5 milliseconds, 1000, 125 million */
    uint64_t latency_least_ns, latency_most_ns;
    uint32_t lost_per_million;
    uint64_t bytes_per_second;

    /* What each machine has: */
    uint64_t disk_bytes;          /* -ENOSPC beyond; 0: a tebibyte */
    uint64_t files_max;           /* open descriptors: -ENFILE beyond, from openat; 0: any number */
    uint32_t inotify_events_max;  /* fs.inotify.max_queued_events; 0: 16384 */
    uint32_t inotify_watches_max; /* fs.inotify.max_user_watches; 0: 65536 */
};

/* Makes a world without machines. It is the one that the calling program runs in from here on.
 * Takes: options, or NULL for the defaults.
 * Gives: 0 and *out_world; release it with hark_sim_destroy.
 * Fails: -EBUSY there is a world already; -ENOMEM. */
HARK_API int hark_sim_create(const struct hark_sim_options *options, struct hark_sim **out_world);

/* Releases the world and all that its processes have. Not from a process.
 * Takes: NULL: nothing happens. */
HARK_API void hark_sim_destroy(struct hark_sim *world);

/* Adds a machine, switched on, with a disk on which there are /tmp and /dev/null. Its addresses
 * are 10.0.0.N and fd00::N, N its number from 1, in hexadecimal digits there, and 127.0.0.1 and ::1
 * for itself. All machines are on one link.
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

/* What a process had when it ended, beside its first thread and its standard descriptors: what a
 * program that cleans up behind itself leaves is nothing. */
struct hark_sim_leftovers {
    size_t descriptors;
    size_t allocations; /* of malloc(3) and its kin, not freed */
    size_t threads;     /* that were not joined */
    size_t mappings;    /* of mmap(2) */
};

/* Fills that in. Of one that has not ended: all are 0. */
HARK_API void hark_sim_left(const struct hark_sim_process *process,
                            struct hark_sim_leftovers *out_left);

/* Sends a signal, as kill(2) does. What nobody handles ends the process, but for those that are
 * ignored by default.
 * Fails: -ESRCH it has ended; -EINVAL there is no such signal. */
HARK_API int hark_sim_signal(struct hark_sim_process *process, int number);

/* SIGKILL: it is gone at once, and what it had goes back: descriptors, memory, threads. Not from
 * that process itself. */
HARK_API void hark_sim_kill(struct hark_sim_process *process);

/* --- power --- */

/* The power fails: all processes of the machine end at once (status 137), and its disk keeps what
 * was synced, and of the rest what the seed wants. That is for bytes of a file: each sector of 512
 * bytes as it was or as it was written, in any order; the length as it was, as it is or between,
 * with zeros where data is missing. For names: a change of a directory is wholly there or not at
 * all, and what no sync of the directory has told the device may be gone, with all that came later:
 * in that directory, on the whole disk, or of that name, as the disk's kind is. Whether a sync of a
 * new file brings its name along is the disk's kind, too.
 * Where a process of that machine calls this, it does not return.
 * Takes: one that is off: nothing happens. */
HARK_API void hark_sim_power_off(struct hark_sim_machine *machine);

/* It is on again, with its disk, and no process runs on it. */
HARK_API void hark_sim_power_on(struct hark_sim_machine *machine);

/* Whether it is on, as it is at first. */
HARK_API bool hark_sim_is_on(const struct hark_sim_machine *machine);

/* --- the network --- */

/* Cuts the link between two machines, in both directions: what is under way is lost, and what is
 * sent from here on. Connections stay, and hang, until they are given up, or the link is whole
 * again and what was lost is sent once more.
 * Takes: two machines of one world; cut already: nothing happens. */
HARK_API void hark_sim_partition(struct hark_sim_machine *one, struct hark_sim_machine *other);

/* Makes that link whole again. One that is whole: nothing happens. */
HARK_API void hark_sim_heal(struct hark_sim_machine *one, struct hark_sim_machine *other);

/* Adds an address to what a name of a host stands for, for hark_lookup_start on all machines; a
 * name with several is added several times. "localhost" is known. The resolver takes up to 200 ms,
 * or five seconds more, as the seed says; with faults it fails at times (EAI_AGAIN), as a struct
 * hark_sim_fault for the call "getaddrinfo" has it in any case. It sends no packets.
 * Takes: name: any, case does not count; address: "10.0.0.1", "fd00::1". Both are copied.
 * Gives: 0.
 * Fails: -EINVAL the address is none. */
HARK_API int hark_sim_add_name(struct hark_sim *world, const char *name, const char *address);

/* --- files --- */

/* Makes a symbolic link on the machine's disk, as symlinkat(2) does with an absolute path.
 * Gives: 0; a negative errno. */
HARK_API int hark_sim_link(struct hark_sim_machine *machine, const char *target, const char *path);

/* --- faults that a scene asks for --- */

/* What is to go wrong, and when. All that is zero says nothing. */
struct hark_sim_fault {
    /* The call, by the name of its manual page, also where io_uring makes it: all of read, pread,
     * readv and preadv2 are "read", and so for "write"; "send" is sendto and sendmsg as well,
     * "recv" recvfrom and recvmsg, "accept" accept4; "sync" is fsync and fdatasync; "change" is
     * whatever may change the disk: writes, syncs, openat, ftruncate, fallocate, copy_file_range,
     * what makes, moves or removes names, and what sets modes, owners, times and attributes;
     * "malloc" is memory, which lacks whatever `error` says. NULL: any that is about a file or a
     * path */
    const char *call;
    /* The file that it is about, by the end of its path, from a slash on: "log/lock" is meant by
     * "/tmp/log/lock", too, and "log/" means whatever is in that directory. Of an open file it is
     * the name that it has, or had last */
    const char *path;
    struct hark_sim_process *process; /* who calls */
    struct hark_sim_machine *machine; /* where */
    uint32_t after;                   /* so many such calls go well before */
    uint32_t times;                   /* so many do not; 0: one, UINT32_MAX: all */
    /* A negative errno: the call is not made. A sync of a file is: some of what was to be written
     * is lost, all counts as written, the error is told once to each who has the file open, and
     * later syncs go well, as in Linux (fsync(2)). So is a close: the number is gone (close(2)) */
    int error;
    /* It moves that many bytes at the most; 0: as many as were wanted, and so does whatever has
     * borders. With an error: those are moved, and the next such call fails */
    uint64_t short_to;
    /* The machine's power fails, or the process that calls is killed, within that time from the
     * beginning of the call: before it has done anything, half-way, or after it has returned.
     * within_ns: 0: 20 ms; 1: at once, before it has done anything */
    bool power_off, kill;
    uint64_t within_ns;
};

/* Adds one; those that were added first are looked at first.
 * Takes: fault: copied, and its texts. */
HARK_API void hark_sim_add_fault(struct hark_sim *world, const struct hark_sim_fault *fault);

/* What went wrong, by chance or as asked for. */
enum hark_sim_fault_kind {
    HARK_SIM_FAULT_ERROR,  /* a call that failed */
    HARK_SIM_FAULT_SHORT,  /* fewer bytes were moved than could be */
    HARK_SIM_FAULT_SYNC,   /* written pages were lost */
    HARK_SIM_FAULT_BITS,   /* a bit came from the disk as another */
    HARK_SIM_FAULT_MEMORY, /* no memory */
    HARK_SIM_FAULT_POWER,  /* a machine was switched off */
    HARK_SIM_FAULT_LINK,   /* a packet was lost, late or came twice, a connection went early */
    HARK_SIM_FAULT_SMALL,  /* a buffer, or a segment, was small */
    HARK_SIM_FAULT_RING,   /* io_uring stopped short, or ended what repeats */
    HARK_SIM_FAULT_AWAY,   /* a thread lost its CPU for a while */
    HARK_SIM_FAULT_CLOCK,  /* a wall clock was set, by up to an hour */
    HARK_SIM_FAULT_KINDS,
};

/* How many of a kind there were so far. HARK_SIM_FAULT_KINDS: all that chance brought. */
HARK_API uint64_t hark_sim_faults(const struct hark_sim *world, enum hark_sim_fault_kind kind);

/* --- the world --- */

/* The world's virtual time, of CLOCK_MONOTONIC of all machines, in nanoseconds. */
HARK_API uint64_t hark_sim_now(const struct hark_sim *world);

/* Sets the machine's wall clock (CLOCK_REALTIME, the times of files) forward, or back, by that many
 * nanoseconds, as clock_settime(2) does: CLOCK_MONOTONIC and what waits are not moved. Beside that
 * it goes up to 500 millionths too fast, or too slow, as the seed has it, and where errors happen
 * by chance it is set by chance, too.
 * Takes: step_ns: what leads to before 1970 makes no clock. */
HARK_API void hark_sim_step_clock(struct hark_sim_machine *machine, int64_t step_ns);

/* A number below the bound, as the seed has it: for scenes.
 * Takes: bound: above 0. */
HARK_API uint64_t hark_sim_random(struct hark_sim *world, uint64_t bound);

/* A number that stands for all that has happened so far: each call, its time and its result. Runs
 * of one seed give the same one. */
HARK_API uint64_t hark_sim_hash(const struct hark_sim *world);

/* Writes the last of what has happened, the oldest first, a line each: when, in which process and
 * thread, which call on which descriptor, and its result. To a descriptor of the real machine.
 * Takes: most: how many lines at the most; some thousands are kept. */
HARK_API void hark_sim_tell(const struct hark_sim *world, int fd, size_t most);

/* Writes which threads there are, a line each: in which call each sleeps, or was last. After
 * -EDEADLK those are what waits for nothing. To a descriptor of the real machine. */
HARK_API void hark_sim_tell_threads(const struct hark_sim *world, int fd);

/* Records the stages of all requests of all loops that are made from here on (hark/trace.h), each
 * loop in a file of the real machine, and what the kernel does for them in one more: `hark trace
 * --read DIRECTORY` shows them as a table, as a page and as a picture, in the world's time, and
 * also what was recorded before the program aborts.
 * The run is the same as without, to its hash: no process can tell that it is looked at.
 * Takes: directory: of the real machine, made if it is not there; what an earlier world has left
 *   there, and another one's that is recorded there too, is removed. A process that calls
 *   hark_trace_start has a recording of its own.
 * Gives: 0.
 * Fails: what making and opening a directory gives. Not from a process. */
HARK_API int hark_sim_trace(struct hark_sim *world, const char *directory);

/* System calls so far. */
HARK_API uint64_t hark_sim_calls(const struct hark_sim *world);

/* Where in memory there are HARK_SIM_PROCESS_LOCAL variables: each file that includes this header
 * says it of its program or shared library before main, by the borders that the linker has named.
 * Private; weak, for those that include it and do without worlds. */
__attribute__((weak)) HARK_API void hark_sim_locals(char *begin, char *end);
extern char __start_hark_process[] __attribute__((weak, visibility("hidden")));
extern char __stop_hark_process[] __attribute__((weak, visibility("hidden")));
__attribute__((constructor)) static void hark_sim_name_locals(void)
{
    if (hark_sim_locals)
        hark_sim_locals(__start_hark_process, __stop_hark_process);
}

HARK_END

#endif
