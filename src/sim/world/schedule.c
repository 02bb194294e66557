/* schedule.c - see the header. */
#include "sim/world/schedule.h"
#include "base/check.h"
#include "sim/world/locals.h"
#include "sim/world/seen.h"

#include <errno.h>
#include <poll.h>

/* --- who is ready --- */

static void make_ready(struct thread *thread)
{
    if (world->ready_count == world->ready_room) {
        world->ready_room = world->ready_room ? world->ready_room * 2 : 16;
        world->ready = memory_own_resize(world->ready, world->ready_room * sizeof(struct thread *));
    }
    thread->state = THREAD_READY;
    thread->place = world->ready_count;
    world->ready[world->ready_count++] = thread;
}

static void make_unready(struct thread *thread, enum thread_state state)
{
    struct thread *last = world->ready[--world->ready_count];
    world->ready[thread->place] = last;
    last->place = thread->place;
    thread->state = state;
}

/* --- threads --- */

static void run(void *argument)
{
    struct thread *thread = argument;
    thread->result = thread->function(thread->argument);
    schedule_end();
}

static void time_has_come(struct event *event)
{
    schedule_wake(hark_container_of(event, struct thread, timeout), -ETIME);
}

struct thread *schedule_start(struct process *process, void *(*function)(void *), void *argument)
{
    struct thread *thread = memory_own(sizeof *thread);
    thread->stack = stack_create(world->options.stack_bytes, run, thread);
    check(thread->stack);
    thread->process = process;
    thread->function = function;
    thread->argument = argument;
    thread->timeout.happen = time_has_come;
    thread->cpus = world->thread ? world->thread->cpus : (1u << CPUS) - 1;
    thread->number = ++world->threads;
    thread->id = process->threads ? ++world->process_id : process->id;
    sigemptyset(&thread->blocked);
    sigemptyset(&thread->pending);
    thread->next = process->threads;
    process->threads = thread;
    make_ready(thread);
    return thread;
}

/* Back to the world, which goes on with another, or with this one. */
static void leave(int for_good)
{
    stack_leave(world->thread->stack, for_good);
}

int schedule_sleep(uint64_t until_ns)
{
    struct thread *thread = world->thread;
    thread->woken_by = -ETIME;
    if (until_ns <= world->now_ns)
        return -ETIME;
    make_unready(thread, THREAD_SLEEPS);
    if (until_ns != UINT64_MAX)
        events_set(&world->events, &thread->timeout, until_ns);
    leave(0);
    return thread->woken_by;
}

void schedule_wake(struct thread *thread, int why)
{
    if (thread->state != THREAD_SLEEPS)
        return;
    events_remove(&world->events, &thread->timeout);
    thread->woken_by = why;
    seen_thread(HARK_TRACE_KERNEL_WAKING, thread);
    make_ready(thread);
}

void schedule_yield(void)
{
    if (world->ready_count > 1)
        leave(0);
}

_Noreturn void schedule_end(void)
{
    struct thread *thread = world->thread;
    make_unready(thread, THREAD_ENDED);
    wait_wake(&thread->ended, 0);
    leave(1);
    check(false);
    __builtin_unreachable();
}

/* --- sleeping in queues --- */

static void woken(struct waiter *waiter, uint32_t events)
{
    struct sleeper *sleeper = hark_container_of(waiter, struct sleeper, waiter);
    if (!sleeper->events || !events || events & (sleeper->events | POLLERR | POLLHUP))
        schedule_wake(sleeper->thread, 0);
}

static void take_out(struct sleeper *sleepers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        wait_remove(&sleepers[i].waiter);
        if (sleepers[i].file)
            file_release(sleepers[i].file);
    }
}

int schedule_sleep_in(struct sleeper *sleepers, size_t count, struct wait_queue *queue,
                      uint64_t until_ns)
{
    struct thread *thread = world->thread;
    for (size_t i = 0; i < count; i++) {
        sleepers[i].waiter = (struct waiter){.woken = woken};
        sleepers[i].thread = thread;
        if (sleepers[i].file)
            file_hold(sleepers[i].file);
        wait_add(sleepers[i].file ? &sleepers[i].file->queue : queue, &sleepers[i].waiter);
    }
    thread->sleepers = sleepers;
    thread->sleeper_count = count;
    int result = schedule_sleep(until_ns);
    thread->sleepers = NULL;
    thread->sleeper_count = 0;
    take_out(sleepers, count);
    return result;
}

/* --- ends --- */

static void release(struct file *const held[2])
{
    for (size_t i = 0; i < 2; i++)
        if (held[i])
            file_release(held[i]);
}

void schedule_let_go(struct thread *thread, uintptr_t frame)
{
    struct held_before *before;
    while ((before = thread->held_before) && before->frame < frame) {
        thread->held_before = before->outer;
        release(before->held);
        memory_own_free(before);
    }
}

void schedule_destroy(struct thread *thread)
{
    if (thread->state == THREAD_READY)
        make_unready(thread, THREAD_ENDED);
    take_out(thread->sleepers, thread->sleeper_count);
    while (
        thread->ended.first) /* who joins it sleeps on, for nothing, until it is destroyed, too */
        wait_remove(thread->ended.first);
    for (size_t i = 0; i < THREAD_RINGS; i++)
        if (thread->rings[i])
            file_release(thread->rings[i]);
    release(thread->held);
    schedule_let_go(thread, UINTPTR_MAX);
    events_remove(&world->events, &thread->timeout);
    stack_destroy(thread->stack);
    memory_own_free(thread);
}

/* --- the world's turns --- */

static void enter(struct thread *thread)
{
    locals_of(thread->process);
    memory_of(&thread->process->memory);
    world->thread = thread;
    seen_thread(HARK_TRACE_KERNEL_SWITCH, thread);
    stack_enter(thread->stack);
    world->thread = NULL;
    memory_of(NULL);
}

static void happen(void)
{
    while (events_next(&world->events) <= world->now_ns) {
        struct event *event = events_take(&world->events);
        event->happen(event);
    }
}

void schedule_advance(uint64_t ns)
{
    world->now_ns += ns;
    happen();
}

int schedule_run(uint64_t until_ns, void (*bury)(struct process *process))
{
    for (;;) {
        happen();
        if (world->calls > world->options.calls_max)
            return -ETIME;
        if (world->now_ns >= until_ns)
            return 0;
        if (world->ready_count > 0) {
            struct thread *thread = world->ready[chance_below(&world->chance, world->ready_count)];
            struct process *process = thread->process;
            enter(thread);
            if (process->ended)
                bury(process);
            continue;
        }
        uint64_t next_ns = events_next(&world->events);
        if (next_ns > until_ns || next_ns == UINT64_MAX)
            return 0;
        if (next_ns > world->options.time_max_ns)
            return -ETIME;
        world->now_ns = next_ns;
    }
}
