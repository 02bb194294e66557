/* signals.h - signals of simulated processes: sent, blocked, waited for, handled. */
#ifndef SIM_WORLD_SIGNALS_H
#define SIM_WORLD_SIGNALS_H

#include "sim/world/state.h"

/* To a process, or to one thread of it.
 * Takes: thread: NULL: whichever does not block it. */
void signals_send(struct process *process, struct thread *thread, int number);

/* Runs the handlers of what has come to the running thread, at the end of its system call. What
 * nobody handles may end the process. */
void signals_handle(void);

/* The same in the midst of its call, whose sleep a signal has ended: that goes on, or is told of it
 * (call_is_broken).
 * Gives: whether a handler has run: another thread may have taken what it was woken for. */
bool signals_interrupt(void);

/* Whether there is anything to handle for the running thread, which is not to sleep then. */
bool signals_have_come(void);

/* Takes out the lowest that came to the thread or its process and is among these; NULL: that it
 * does not block.
 * Gives: its number; 0: there is none. */
int signals_take(struct thread *thread, const sigset_t *among);

#endif
