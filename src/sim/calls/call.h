/* call.h - what every system call has in common: it takes time, others may run meanwhile, and it
 * may have to sleep. */
#ifndef SIM_CALLS_CALL_H
#define SIM_CALLS_CALL_H

#include "kernel/kernel.h"
#include "sim/world/process.h"
#include "sim/world/schedule.h"

/* Counts a call, lets its time pass, and perhaps others run.
 * Gives: 0, or the error of a fault: then the call is not made. */
int call_begin(uint64_t *calls, const char *name, int fd);

/* The same without faults: who calls asks for them himself. */
void call_enter(uint64_t *calls, const char *name, int fd);

/* The file stays as long as the call, or the thread. Two at the most. */
void call_hold(struct file *file);

/* Notes what came of it, and runs the handlers of signals that came.
 * Gives: the result. */
int64_t call_end(const char *name, int fd, int64_t result);

/* A call that needs no more than its result. */
#define CALL(calls, name, fd, made)                                                                \
    __extension__({                                                                                \
        int64_t call_result = call_begin(calls, name, fd);                                         \
        if (!call_result)                                                                          \
            call_result = (made);                                                                  \
        call_end(name, fd, call_result);                                                           \
    })

#define CALL_WITH_FAULTS(calls, name, fd, made)                                                    \
    __extension__({                                                                                \
        call_enter(calls, name, fd);                                                               \
        int64_t call_result = (made);                                                              \
        call_end(name, fd, call_result);                                                           \
    })

/* The open file of a number of the calling process; NULL: there is none. Held by nobody. */
static inline struct file *call_file(int fd)
{
    return descriptors_find(&process_current()->descriptors, fd);
}

/* Sleeps until the file may have these events. Gives as schedule_sleep. */
int call_block(struct file *file, uint32_t events, uint64_t until_ns);

/* Sleeps as schedule_sleep_in; handlers of signals that end the sleep run, or have come before it.
 * Gives: as schedule_sleep; -EINTR: a handler of the thread has run. */
int call_sleep_in(struct sleeper *sleepers, size_t count, struct wait_queue *queue,
                  uint64_t until_ns);

/* Whether the call ends with -EINTR, as far as it has done nothing: the program has made it by the
 * C library's name (what kernel.h gives is made again), and a handler has run without SA_RESTART;
 * or, for calls that no flag restarts, any handler (signal(7)). */
bool call_is_broken(void);
bool call_is_interrupted(void);

/* The device takes that long. */
void call_delay(uint64_t ns);

/* When a wait of that time is over: UINT64_MAX for NULL and for what is longer than time. */
uint64_t call_deadline(const struct timespec *timeout);

#endif
