/* process.c - see the header. */
#include "sim/world/process.h"
#include "base/check.h"
#include "sim/file/console.h"
#include "sim/world/locals.h"
#include "sim/world/mappings.h"
#include "sim/world/notes.h"
#include "sim/world/recordings.h"
#include "sim/world/schedule.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { DESCRIPTORS = 1024, DESCRIPTORS_MOST = 1048576 };

/* --- start and end --- */

static void *run_main(void *argument)
{
    struct process *process = argument;
    int status = process->main(process->argument);
    process_end(process, status);
    return NULL;
}

struct hark_sim_process *hark_sim_start(struct hark_sim_machine *machine,
                                        int (*main)(void *argument), void *argument)
{
    struct process *process = memory_own(sizeof *process);
    process->machine = (struct machine *)machine;
    check(process->machine->on);
    process->id = ++world->process_id;
    process->main = main;
    process->argument = argument;
    process->descriptors.limit = DESCRIPTORS;
    process->descriptors.limit_most = DESCRIPTORS_MOST;
    sigemptyset(&process->pending);
    process->next = world->processes;
    world->processes = process;
    process->machine->processes++;
    console_open(process);
    schedule_start(process, run_main, process);
    return (struct hark_sim_process *)process;
}

void process_end(struct process *process, int status)
{
    if (process->ended)
        return;
    process->ended = true;
    process->status = status;
    note("exit", (uint64_t)process->id, (uint64_t)status, 0);
    if (world->thread && world->thread->process == process)
        schedule_end();
    process_bury(process);
}

/* What is there as it ends. */
static void count_left(struct process *process)
{
    struct hark_sim_leftovers *left = &process->left;
    for (int fd = 3; fd < process->descriptors.room; fd++)
        left->descriptors += process->descriptors.table[fd].file ? 1 : 0;
    for (const struct thread *thread = process->threads; thread; thread = thread->next)
        left->threads += thread->id != process->id;
    left->mappings = mappings_count(process);
    left->allocations = process->memory.count;
}

void hark_sim_left(const struct hark_sim_process *process, struct hark_sim_leftovers *out_left)
{
    *out_left = ((const struct process *)process)->left;
}

/* Threads first: they have no say in the closing of descriptors. */
void process_bury(struct process *process)
{
    if (!process->buried)
        count_left(process);
    process->buried = true;
    struct process *former = world->locals_of;
    locals_of(process); /* threads may sleep in a queue among them */
    struct thread *thread;
    while ((thread = process->threads)) {
        process->threads = thread->next;
        schedule_destroy(thread);
    }
    recordings_end(process);
    events_remove(&world->events, &process->alarm);
    events_remove(&world->events, &process->is_killed);
    descriptors_close_all(&process->descriptors);
    mappings_release(process);
    (void)memory_release(&process->memory);
    locals_of(former == process ? NULL : former);
    memory_own_free(process->locals);
    process->locals = NULL;
}

void process_destroy(struct process *process)
{
    process->ended = true;
    process_bury(process);
    for (size_t i = 0; i < process->variables; i++)
        memory_own_free(process->environment[i]);
    memory_own_free(process->environment);
    memory_own_free(process);
}

void hark_sim_kill(struct hark_sim_process *process)
{
    struct process *killed = (struct process *)process;
    check(!world->thread || world->thread->process != killed);
    process_end(killed, 128 + SIGKILL);
}

bool hark_sim_ended(const struct hark_sim_process *process)
{
    return ((const struct process *)process)->ended;
}

int hark_sim_status(const struct hark_sim_process *process)
{
    return ((const struct process *)process)->status;
}

/* --- the environment --- */

static char **find_variable(const struct process *process, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < process->variables; i++)
        if (strncmp(process->environment[i], name, length) == 0 &&
            process->environment[i][length] == '=')
            return &process->environment[i];
    return NULL;
}

const char *process_variable(const struct process *process, const char *name)
{
    char **found = find_variable(process, name);
    return found ? *found + strlen(name) + 1 : NULL;
}

void process_set_variable(struct process *process, const char *name, const char *value)
{
    size_t bytes = strlen(name) + strlen(value) + 2;
    char *variable = memory_own(bytes);
    snprintf(variable, bytes, "%s=%s", name, value);
    process_unset_variable(process, name);
    process->environment = memory_own_resize(
        process->environment, (process->variables + 1) * sizeof *process->environment);
    process->environment[process->variables++] = variable;
}

void process_unset_variable(struct process *process, const char *name)
{
    char **found = find_variable(process, name);
    if (!found)
        return;
    memory_own_free(*found);
    *found = process->environment[--process->variables];
}

int hark_sim_setenv(struct hark_sim_process *process, const char *name, const char *value)
{
    process_set_variable((struct process *)process, name, value);
    return 0;
}
