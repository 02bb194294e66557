/* calls_threads.c - the threads, locks and CPUs of kernel.h. A lock stands in the memory that the
 * library has for the C library's. */
#include "base/check.h"
#include "sim/calls/call.h"
#include "sim/world/schedule.h"

#include <string.h>

struct mutex {
    struct thread *owner;
    struct wait_queue queue;
};

_Static_assert(sizeof(struct mutex) <= sizeof(pthread_mutex_t), "it stands in its place");
_Static_assert(sizeof(struct wait_queue) <= sizeof(pthread_cond_t), "it stands in its place");

/* --- locks --- */

void kernel_mutex_init(pthread_mutex_t *mutex)
{
    memset(mutex, 0, sizeof(struct mutex));
}

void kernel_mutex_destroy(pthread_mutex_t *mutex)
{
    check(!((struct mutex *)mutex)->owner);
}

static void lock(struct mutex *mutex)
{
    check(mutex->owner != world->thread);
    while (mutex->owner) {
        struct sleeper sleeper = {0};
        (void)call_sleep_in(&sleeper, 1, &mutex->queue, UINT64_MAX);
    }
    mutex->owner = world->thread;
}

void kernel_mutex_lock(pthread_mutex_t *mutex)
{
    (void)call_begin(NULL, "mutex_lock", -1);
    lock((struct mutex *)mutex);
}

void kernel_mutex_unlock(pthread_mutex_t *mutex)
{
    struct mutex *own = (struct mutex *)mutex;
    check(own->owner == world->thread);
    own->owner = NULL;
    wait_wake(&own->queue, 0);
    (void)call_begin(NULL, "mutex_unlock", -1);
}

/* --- conditions --- */

void kernel_cond_init(pthread_cond_t *condition)
{
    memset(condition, 0, sizeof(struct wait_queue));
}

void kernel_cond_destroy(pthread_cond_t *condition)
{
    check(!((struct wait_queue *)condition)->first);
}

/* It may wake without a reason, as conditions do. */
static void wait_on(pthread_cond_t *condition, pthread_mutex_t *mutex, uint64_t until_ns)
{
    struct mutex *own = (struct mutex *)mutex;
    struct sleeper sleeper = {0};
    check(own->owner == world->thread);
    own->owner = NULL;
    wait_wake(&own->queue, 0);
    (void)call_sleep_in(&sleeper, 1, (struct wait_queue *)condition, until_ns);
    lock(own);
}

void kernel_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
    wait_on(condition, mutex, UINT64_MAX);
}

void kernel_cond_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex, uint64_t at_ns)
{
    wait_on(condition, mutex, at_ns);
}

/* One of those that sleep, whichever: pthread_cond_signal(3) promises no order. */
void kernel_cond_signal(pthread_cond_t *condition)
{
    struct wait_queue *queue = (struct wait_queue *)condition;
    size_t count = 0;
    for (struct waiter *waiter = queue->first; waiter; waiter = waiter->next)
        count++;
    struct waiter *chosen = queue->first;
    for (uint64_t steps = chance_below(&world->chance, count); chosen && steps > 0; steps--)
        chosen = chosen->next;
    if (chosen)
        chosen->woken(chosen, 0);
    (void)call_begin(NULL, "cond_signal", -1);
}

void kernel_cond_broadcast(pthread_cond_t *condition)
{
    wait_wake((struct wait_queue *)condition, 0);
    (void)call_begin(NULL, "cond_broadcast", -1);
}

/* --- threads --- */

int kernel_thread_start(pthread_t *out_thread, const char *name, void *(*function)(void *),
                        void *argument)
{
    (void)name;
    int error = call_begin(NULL, "thread_start", -1);
    if (error)
        return (int)call_end("thread_start", -1, error);
    struct thread *thread = schedule_start(process_current(), function, argument);
    sigfillset(&thread->blocked);
    *out_thread = (pthread_t)(uintptr_t)thread;
    return (int)call_end("thread_start", -1, 0);
}

void kernel_thread_join(pthread_t thread)
{
    struct thread *joined = (void *)(uintptr_t)thread; // NOLINT: as kernel_thread_start gave it
    (void)call_begin(NULL, "thread_join", -1);
    while (joined->state != THREAD_ENDED) {
        struct sleeper sleeper = {0};
        (void)call_sleep_in(&sleeper, 1, &joined->ended, UINT64_MAX);
    }
    if (joined->out_result)
        joined->out_result->value = joined->result;
    struct thread **at = &joined->process->threads;
    while (*at != joined)
        at = &(*at)->next;
    *at = joined->next;
    schedule_destroy(joined);
}

pid_t kernel_getpid(void)
{
    return process_current()->id;
}

pid_t kernel_gettid(void)
{
    return world->thread->id;
}

uint64_t *kernel_thread_word(void)
{
    check(world && world->thread); /* hark was called from outside of a process */
    return &world->thread->word;
}

/* --- CPUs --- */

int kernel_sched_getaffinity(cpu_set_t *out_cpus)
{
    CPU_ZERO(out_cpus);
    for (size_t cpu = 0; cpu < CPUS; cpu++)
        if (world->thread->cpus & 1u << cpu)
            CPU_SET(cpu, out_cpus);
    return 0;
}

int kernel_sched_setaffinity(const cpu_set_t *cpus)
{
    uint32_t wanted = 0;
    for (size_t cpu = 0; cpu < CPUS; cpu++)
        wanted |= CPU_ISSET(cpu, cpus) ? 1u << cpu : 0;
    if (wanted == 0)
        return -EINVAL;
    world->thread->cpus = wanted;
    return 0;
}

void kernel_sched_yield(void)
{
    (void)call_begin(NULL, "sched_yield", -1);
    schedule_yield();
}
