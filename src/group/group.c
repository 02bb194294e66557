/* group.c - the threads of a group: each makes its own loop, runs it when told to, and unmakes it
 * at the end.
 *
 * The calling thread gives commands, one at a time, and the others wait for them under the lock;
 * while they wait, their loops may be looked at by the calling thread. What must hold: a loop is
 * made, run and destroyed by its own thread; outside of a command no thread of the group touches
 * anything; the lock is not taken while loops run, but for telling an error. */
#include "hark/group.h"

#include "core/loop.h"
#include "core/wake.h"

#include <stdio.h>
#include <stdlib.h>

enum { LOOPS_MAX = 1024 };

enum command { COMMAND_RUN, COMMAND_END };

struct member {
    struct hark_group *group;
    struct hark_loop *loop;
    pthread_t thread; /* of all but the first */
    uint32_t index;
};

struct hark_group {
    struct hark_group_options options;
    cpu_set_t cpus; /* those that the process may use */
    uint32_t count;
    uint32_t threads; /* that were started, for the members from 1 on */
    bool running;
    _Atomic(bool) stopped; /* hark_group_stop was called, and no run has ended since */

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    uint64_t commands; /* given so far */
    enum command command;
    uint32_t busy; /* threads that are not done with it */
    int error;     /* the first of this command */
    bool ended_by_stop;

    hark_group_begin *begin; /* of the run */
    void *context;
    struct member members[];
};

/* --- CPUs --- */

static size_t cpu_at(const cpu_set_t *cpus, uint32_t index)
{
    uint32_t left = index % (uint32_t)CPU_COUNT(cpus);
    size_t cpu = 0;
    while (!CPU_ISSET(cpu, cpus) || left-- > 0)
        cpu++;
    return cpu;
}

/* Keeps the calling thread on the CPU of that loop. Gives: 0, or a negative errno. */
static int pin(const struct member *member)
{
    cpu_set_t one;
    if (!member->group->options.pin)
        return 0;
    CPU_ZERO(&one);
    CPU_SET(cpu_at(&member->group->cpus, member->index), &one);
    return kernel_sched_setaffinity(&one);
}

/* --- what a thread does --- */

static void note(struct hark_group *group, int result)
{
    kernel_mutex_lock(&group->lock);
    if (result < 0 && !group->error)
        group->error = result;
    group->ended_by_stop |= result == 1;
    kernel_mutex_unlock(&group->lock);
}

static void run_member(struct member *member)
{
    struct hark_group *group = member->group;
    struct hark_loop *loop = member->loop;
    atomic_store(&loop->stopped, false); /* of a stop that came when it had ended */
    int result = group->begin ? group->begin(loop, member->index, group->context) : 0;
    if (result >= 0) {
        if (atomic_load(&group->stopped))
            hark_stop(loop);
        result = hark_run(loop);
    }
    note(group, result);
    if (result < 0)
        hark_group_stop(group);
}

/* Waits for the next command; done is told at the same time, so that none is missed. */
static enum command next_command(struct hark_group *group, uint64_t *seen)
{
    kernel_mutex_lock(&group->lock);
    if (--group->busy == 0)
        kernel_cond_broadcast(&group->changed);
    while (group->commands == *seen)
        kernel_cond_wait(&group->changed, &group->lock);
    *seen = group->commands;
    enum command command = group->command;
    kernel_mutex_unlock(&group->lock);
    return command;
}

static void *member_thread(void *argument)
{
    struct member *member = argument;
    struct hark_group *group = member->group;
    uint64_t seen = 0;
    int error = pin(member);
    if (!error)
        error = hark_loop_create(&group->options.loop, &member->loop);
    note(group, error);
    while (next_command(group, &seen) == COMMAND_RUN)
        run_member(member);
    (void)hark_loop_destroy(member->loop); /* with ops in flight nobody has told it to end */
    return NULL;
}

/* --- what the calling thread does --- */

static void wait_for_threads(struct hark_group *group)
{
    kernel_mutex_lock(&group->lock);
    while (group->busy > 0)
        kernel_cond_wait(&group->changed, &group->lock);
    kernel_mutex_unlock(&group->lock);
}

static void give(struct hark_group *group, enum command command)
{
    kernel_mutex_lock(&group->lock);
    group->command = command;
    group->busy = group->threads;
    group->error = 0;
    group->ended_by_stop = false;
    group->commands++;
    kernel_cond_broadcast(&group->changed);
    kernel_mutex_unlock(&group->lock);
}

static int start_threads(struct hark_group *group)
{
    int error = 0;
    group->busy = group->count - 1;
    for (uint32_t i = 1; i < group->count && !error; i++) {
        struct member *member = &group->members[i];
        char name[32];
        snprintf(name, sizeof name, "hark-loop-%u", (unsigned)i);
        error = kernel_thread_start(&member->thread, name, member_thread, member);
        group->threads += !error;
    }
    kernel_mutex_lock(&group->lock);
    group->busy -= group->count - 1 - group->threads; /* those that there are not */
    kernel_mutex_unlock(&group->lock);
    return error;
}

static void release(struct hark_group *group)
{
    give(group, COMMAND_END);
    for (uint32_t i = 1; i <= group->threads; i++)
        kernel_thread_join(group->members[i].thread);
    (void)hark_loop_destroy(group->members[0].loop);
    kernel_cond_destroy(&group->changed);
    kernel_mutex_destroy(&group->lock);
    free(group);
}

int hark_group_create(const struct hark_group_options *given, struct hark_group **out_group)
{
    struct hark_group_options options = given ? *given : (struct hark_group_options){0};
    cpu_set_t cpus;
    int error = kernel_sched_getaffinity(&cpus);
    if (error)
        return error;
    uint32_t count = options.loops ? options.loops : (uint32_t)CPU_COUNT(&cpus);
    if (count > LOOPS_MAX)
        return -EINVAL;
    struct hark_group *group = calloc(1, sizeof *group + count * sizeof group->members[0]);
    if (!group)
        return -ENOMEM;
    group->options = options;
    group->cpus = cpus;
    group->count = count;
    for (uint32_t i = 0; i < count; i++)
        group->members[i] = (struct member){.group = group, .index = i};
    kernel_mutex_init(&group->lock);
    kernel_cond_init(&group->changed);
    error = hark_loop_create(&options.loop, &group->members[0].loop);
    if (!error)
        error = start_threads(group);
    wait_for_threads(group);
    if (!error)
        error = group->error;
    if (error)
        release(group);
    else
        *out_group = group;
    return error;
}

/* The threads wait: their loops may be looked at. */
static bool has_ops(struct hark_loop *loop)
{
    wake_take_inbox(loop);
    return hark_loop_active(loop) > 0;
}

int hark_group_destroy(struct hark_group *group)
{
    if (!group)
        return 0;
    if (group->running)
        return -EBUSY;
    for (uint32_t i = 0; i < group->count; i++)
        if (has_ops(group->members[i].loop))
            return -EBUSY;
    release(group);
    return 0;
}

int hark_group_run(struct hark_group *group, hark_group_begin *begin, void *context)
{
    cpu_set_t before;
    struct member *first = &group->members[0];
    if (group->running)
        return -EBUSY;
    if (group->options.pin)
        (void)kernel_sched_getaffinity(&before);
    int error = pin(first);
    if (error)
        return error;
    group->running = true;
    group->begin = begin;
    group->context = context;
    give(group, COMMAND_RUN);
    run_member(first);
    wait_for_threads(group);
    group->running = false;
    if (group->options.pin)
        (void)kernel_sched_setaffinity(&before);
    bool stopped = atomic_exchange(&group->stopped, false) || group->ended_by_stop;
    return group->error ? group->error : stopped;
}

void hark_group_stop(struct hark_group *group)
{
    atomic_store(&group->stopped, true);
    for (uint32_t i = 0; i < group->count; i++)
        hark_stop(group->members[i].loop);
}

uint32_t hark_group_size(const struct hark_group *group)
{
    return group->count;
}

struct hark_loop *hark_group_loop(const struct hark_group *group, uint32_t index)
{
    check_rule(index < group->count, "hark_group_loop of a loop that the group has not", NULL, -1);
    return group->members[index].loop;
}
