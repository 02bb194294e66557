/* schedule.h - which thread of which process runs, and for how long it sleeps. The seed chooses
 * among those that are ready. */
#ifndef SIM_WORLD_SCHEDULE_H
#define SIM_WORLD_SCHEDULE_H

#include "sim/world/state.h"

/* A new thread of the process, ready. */
struct thread *schedule_start(struct process *process, void *(*function)(void *), void *argument);

/* The running thread sleeps until schedule_wake, at the longest until the time (UINT64_MAX: for
 * ever).
 * Gives: 0 it was woken; -ETIME; -EINTR a signal that it does not block came. */
int schedule_sleep(uint64_t until_ns);

/* One queue in which the running thread sleeps. */
struct sleeper {
    struct waiter waiter;
    struct thread *thread;
    struct file *file; /* held while it sleeps; NULL: the queue is of none */
    uint32_t events;   /* that end the sleep, besides errors and hang-ups; 0: any */
};

/* Sleeps until one of the queues is woken, at the longest until the time.
 * Takes: sleepers whose `file` or, where that is NULL, whose queue at the same place is filled in.
 * Gives: as schedule_sleep. */
int schedule_sleep_in(struct sleeper *sleepers, size_t count, struct wait_queue *queue,
                      uint64_t until_ns);

/* Ends a sleep; one that does not sleep: nothing happens. */
void schedule_wake(struct thread *thread, int why);

/* Another that is ready may run now. */
void schedule_yield(void);

/* The running thread is over. */
_Noreturn void schedule_end(void);

/* What was held by calls that stood below a frame of its stack: a handler has left them by
 * siglongjmp(3). */
void schedule_let_go(struct thread *thread, uintptr_t frame);

/* A thread that is not running is gone, whatever it was at. */
void schedule_destroy(struct thread *thread);

/* Lets time pass while a thread runs, and what is due happen. */
void schedule_advance(uint64_t ns);

/* Runs threads and lets events happen until none is ready and none is due before the time.
 * Takes: bury: called outside of its threads for a process that has ended.
 * Gives: 0; -ETIME the time or the number of calls of the options is over. */
int schedule_run(uint64_t until_ns, void (*bury)(struct process *process));

#endif
