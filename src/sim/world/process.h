/* process.h - the life of a process: its start, its end, what it leaves behind. */
#ifndef SIM_WORLD_PROCESS_H
#define SIM_WORLD_PROCESS_H

#include "sim/world/state.h"

/* The process of the calling thread. */
static inline struct process *process_current(void)
{
    return world->thread->process;
}

/* A variable of its environment: its value, NULL where it is not set; setting it; taking it out. */
const char *process_variable(const struct process *process, const char *name);
void process_set_variable(struct process *process, const char *name, const char *value);
void process_unset_variable(struct process *process, const char *name);

/* It is over, with that status, also for the thread that calls, which goes on to the world. */
void process_end(struct process *process, int status);

/* What an ended process had goes back. From outside of its threads. */
void process_bury(struct process *process);

/* Memory and all: the world ends. */
void process_destroy(struct process *process);

#endif
