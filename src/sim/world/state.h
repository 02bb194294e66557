/* state.h - what a world consists of. Each struct has one file that keeps it in order. */
#ifndef SIM_WORLD_STATE_H
#define SIM_WORLD_STATE_H

#include "hark/sim.h"
#include "sim/file/descriptors.h"
#include "sim/world/chance.h"
#include "sim/world/events.h"
#include "sim/world/memory.h"
#include "sim/world/stack.h"
#include "sim/world/wait.h"

#include <signal.h>

enum { THREAD_RINGS = 4, CPUS = 4 };

enum thread_state {
    THREAD_READY,  /* in world->ready; or it runs */
    THREAD_SLEEPS, /* until it is woken, or its time has come */
    THREAD_ENDED,
};

/* What a thread's function returned, for whoever joins it. */
struct thread_result {
    void *value;
};

/* What a call holds in whose midst a handler runs. */
struct held_before {
    struct held_before *outer;
    struct file *held[2];
    uintptr_t frame; /* on the thread's stack: calls of the handler are below */
};

/* A thread of a process: schedule.c. */
struct thread {
    struct thread *next; /* of its process */
    struct process *process;
    struct stack *stack;
    enum thread_state state;
    size_t place; /* in world->ready */
    int id;       /* gettid(2): the process's own for its first */
    struct event timeout;
    int woken_by; /* what ended its last sleep: 0, -ETIME, -EINTR */
    void *(*function)(void *);
    void *argument;
    struct wait_queue ended; /* who joins it */
    void *result;
    struct thread_result *out_result; /* where it is wanted; NULL: nowhere */
    uint64_t number;                  /* of all threads of the world */
    uint64_t word;                    /* kernel_thread_word */

    /* What it sleeps in, on its own stack: taken out if it is destroyed asleep. */
    struct sleeper *sleepers;
    size_t sleeper_count;

    const char *call; /* the system call that it makes, or made last; NULL: none yet */
    int call_fd;

    struct file *rings[THREAD_RINGS]; /* that it has registered, held: uring.c */
    /* What its system call is about, held until that ends, or the thread does: call_hold. */
    struct file *held[2];
    struct held_before *held_before; /* by the calls in whose midst a handler runs: signals.c */

    /* Of its call: made by the C library's name; a handler has run in its midst; one without
     * SA_RESTART, after which whoever calls by name is told. */
    bool names_next, by_name, interrupted, broken;

    uint32_t cpus; /* it may run on those: a bit each */
    sigset_t blocked;
    sigset_t pending; /* for it alone */
};

/* process.c */
struct process {
    struct process *next; /* of the world */
    struct machine *machine;
    int id;
    int (*main)(void *);
    void *argument;
    struct thread *threads; /* also those that have ended and were not joined */
    struct descriptors descriptors;
    struct memory_set memory;
    char **environment; /* "NAME=value", NULL behind the last */
    size_t variables;
    void *locals;                 /* HARK_SIM_PROCESS_LOCAL, while another process runs */
    struct mapping *mappings;     /* mappings.c */
    struct recording *recordings; /* of its loops: recordings.c */
    struct sigaction actions[NSIG];
    sigset_t pending;
    struct event alarm;
    struct event is_killed; /* by a fault: faults.c */
    bool ended;
    bool buried;
    int status;
    struct hark_sim_leftovers left;
};

/* A machine's CLOCK_REALTIME: wall.c. */
struct wall {
    uint64_t at_ns;   /* what it was */
    uint64_t from_ns; /* at this time of the world */
    int64_t ppm;      /* of so many millionths it goes fast, or slow */
};

/* world.c */
struct machine {
    struct machine *next;
    struct hark_sim *world;
    int number; /* from 1 */
    bool on;
    struct wall wall;
    int processes;     /* started so far */
    int uring_version; /* of its kernel: uring_queue.h */
    struct disk *disk; /* disk.h; NULL: not asked for yet */
    uint32_t watches;  /* of inotify */
    struct event power_fails;
    struct network *network; /* network.h; NULL: not asked for yet */
};

struct hark_sim {
    struct hark_sim_options options;
    struct chance chance;
    uint64_t now_ns;
    struct events events;
    struct machine *machines;
    int machine_count;
    struct process *processes;
    int process_id; /* given out last */
    struct thread **ready;
    size_t ready_count, ready_room;
    struct thread *thread;     /* the one that runs; NULL: the world itself */
    struct process *locals_of; /* whose HARK_SIM_PROCESS_LOCAL stand in place; NULL: nobody's */
    void *locals_at_first;
    uint64_t threads;
    uint64_t calls;
    uint64_t hash;
    bool errs;              /* faults that are errors happen by chance, too: luck.h */
    struct script *scripts; /* faults.c */
    uint64_t faults[HARK_SIM_FAULT_KINDS];
    uint64_t faults_by_chance;
    uint32_t move_cookie; /* inotify.c */
    struct notes *notes;  /* notes.c */
    struct host *hosts;   /* names: hosts.c */
    int recordings_fd;    /* the real machine's directory for them; -1: none: recordings.c */
    struct seen *seen;    /* what the kernel tells whoever looks on: seen.c; NULL: nobody does */
};

/* The one that runs; NULL: none. */
extern struct hark_sim *world;

#endif
