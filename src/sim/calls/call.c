/* call.c - see the header. */
#include "sim/calls/call.h"
#include "base/check.h"
#include "sim/world/faults.h"
#include "sim/world/luck.h"
#include "sim/world/notes.h"
#include "sim/world/schedule.h"
#include "sim/world/seen.h"
#include "sim/world/signals.h"

/* A call takes a time like this; now and then the thread loses its CPU for longer. */
enum {
    CALL_LEAST_NS = 100,
    CALL_MOST_NS = 2000,
    AWAY_MOST_NS = 20000000,
    AWAY_PER_MILLION = 300,
    OTHERS_RUN_ONE_IN = 8,
};

static void let_time_pass(void)
{
    uint64_t ns = chance_between(&world->chance, CALL_LEAST_NS, CALL_MOST_NS);
    if (chance_happens(&world->chance, AWAY_PER_MILLION) && luck_allows(HARK_SIM_FAULT_AWAY))
        ns += chance_delay(&world->chance, 0, AWAY_MOST_NS);
    schedule_advance(ns);
}

void call_enter(uint64_t *calls, const char *name, int fd)
{
    check(world && world->thread); /* hark was called from outside of a process */
    world->thread->call = name;
    world->thread->call_fd = fd;
    world->thread->by_name = world->thread->names_next;
    world->thread->names_next = world->thread->interrupted = world->thread->broken = false;
    schedule_let_go(world->thread, (uintptr_t)__builtin_frame_address(0));
    world->calls++;
    if (calls)
        ++*calls;
    let_time_pass();
    if (chance_below(&world->chance, OTHERS_RUN_ONE_IN) == 0 ||
        world->calls > world->options.calls_max)
        schedule_yield();
}

int call_begin(uint64_t *calls, const char *name, int fd)
{
    call_enter(calls, name, fd);
    return faults_of(process_current(), name, call_file(fd), NULL);
}

void call_hold(struct file *file)
{
    struct thread *thread = world->thread;
    check(!thread->held[1]);
    file_hold(file);
    thread->held[thread->held[0] ? 1 : 0] = file;
}

static void release_held(struct thread *thread)
{
    for (size_t i = 0; i < 2; i++) {
        struct file *file = thread->held[i];
        thread->held[i] = NULL;
        if (file)
            file_release(file);
    }
}

int64_t call_end(const char *name, int fd, int64_t result)
{
    release_held(world->thread);
    note(name, world->thread->number, (uint64_t)(int64_t)fd, (uint64_t)result);
    signals_handle();
    return result;
}

/* --- sleeping --- */

int call_block(struct file *file, uint32_t events, uint64_t until_ns)
{
    struct sleeper sleeper = {.file = file, .events = events};
    return call_sleep_in(&sleeper, 1, NULL, until_ns);
}

int call_sleep_in(struct sleeper *sleepers, size_t count, struct wait_queue *queue,
                  uint64_t until_ns)
{
    int result = signals_have_come() ? -EINTR : schedule_sleep_in(sleepers, count, queue, until_ns);
    return result == -EINTR && !signals_interrupt() ? 0 : result;
}

bool call_is_broken(void)
{
    return world->thread->by_name && world->thread->broken;
}

bool call_is_interrupted(void)
{
    return world->thread->by_name && world->thread->interrupted;
}

void call_delay(uint64_t ns)
{
    uint64_t until_ns = world->now_ns + ns;
    seen_block_by_itself();
    while (world->now_ns < until_ns)
        (void)schedule_sleep(until_ns); /* a device is waited for to the end */
}

uint64_t call_deadline(const struct timespec *timeout)
{
    if (!timeout || (uint64_t)timeout->tv_sec > UINT64_MAX / 2000000000u)
        return UINT64_MAX;
    return world->now_ns + (uint64_t)timeout->tv_sec * 1000000000u + (uint64_t)timeout->tv_nsec;
}
