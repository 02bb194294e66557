/* posix_threads.c - see posix.h: threads and locks, which give their error instead of errno. */
#include "base/check.h"
#include "sim/posix/posix.h"

#include <semaphore.h>
#include <string.h>

/* Declares the C library's x and what stands for it. */
#define STANDS_FOR(type, name, parameters)                                                         \
    type __real_##name parameters;                                                                 \
    HARK_API type __wrap_##name parameters;                                                        \
    type __wrap_##name parameters

/* --- threads --- */

STANDS_FOR(int, pthread_create,
           (pthread_t * out_thread, const pthread_attr_t *attributes, void *(*function)(void *),
            void *argument))
{
    if (!posix_in_world())
        return __real_pthread_create(out_thread, attributes, function, argument);
    sigset_t blocked = world->thread->blocked;
    int error = kernel_thread_start(out_thread, "thread", function, argument);
    if (!error)
        ((struct thread *)(uintptr_t)*out_thread)->blocked = blocked; // NOLINT
    return -error;
}

STANDS_FOR(int, pthread_join, (pthread_t thread, void **out_result))
{
    if (!posix_in_world())
        return __real_pthread_join(thread, out_result);
    struct thread *joined = (void *)(uintptr_t)thread; // NOLINT: as pthread_create gave it
    struct thread_result result = {0};
    joined->out_result = &result;
    kernel_thread_join(thread);
    if (out_result)
        *out_result = result.value;
    return 0;
}

STANDS_FOR(pthread_t, pthread_self, (void))
{
    return posix_in_world() ? (pthread_t)(uintptr_t)world->thread : __real_pthread_self();
}

STANDS_FOR(int, pthread_kill, (pthread_t thread, int number))
{
    if (!posix_in_world())
        return __real_pthread_kill(thread, number);
    const struct thread *to = (void *)(uintptr_t)thread; // NOLINT
    return -kernel_thread_signal(to->id, number);
}

STANDS_FOR(int, pthread_sigmask, (int how, const sigset_t *signals, sigset_t *out_former))
{
    return posix_in_world() ? -kernel_sigmask(NULL, how, signals, out_former)
                            : __real_pthread_sigmask(how, signals, out_former);
}

STANDS_FOR(int, sched_yield, (void))
{
    if (!posix_in_world())
        return __real_sched_yield();
    kernel_sched_yield();
    return 0;
}

/* --- locks --- */

STANDS_FOR(int, pthread_mutex_init, (pthread_mutex_t * mutex, const pthread_mutexattr_t *how))
{
    if (!posix_in_world())
        return __real_pthread_mutex_init(mutex, how);
    kernel_mutex_init(mutex);
    return 0;
}

STANDS_FOR(int, pthread_mutex_destroy, (pthread_mutex_t * mutex))
{
    if (!posix_in_world())
        return __real_pthread_mutex_destroy(mutex);
    kernel_mutex_destroy(mutex);
    return 0;
}

STANDS_FOR(int, pthread_mutex_lock, (pthread_mutex_t * mutex))
{
    if (!posix_in_world())
        return __real_pthread_mutex_lock(mutex);
    kernel_mutex_lock(mutex);
    return 0;
}

STANDS_FOR(int, pthread_mutex_unlock, (pthread_mutex_t * mutex))
{
    if (!posix_in_world())
        return __real_pthread_mutex_unlock(mutex);
    kernel_mutex_unlock(mutex);
    return 0;
}

STANDS_FOR(int, pthread_cond_init, (pthread_cond_t * condition, const pthread_condattr_t *how))
{
    if (!posix_in_world())
        return __real_pthread_cond_init(condition, how);
    kernel_cond_init(condition);
    return 0;
}

STANDS_FOR(int, pthread_cond_destroy, (pthread_cond_t * condition))
{
    if (!posix_in_world())
        return __real_pthread_cond_destroy(condition);
    kernel_cond_destroy(condition);
    return 0;
}

STANDS_FOR(int, pthread_cond_wait, (pthread_cond_t * condition, pthread_mutex_t *mutex))
{
    if (!posix_in_world())
        return __real_pthread_cond_wait(condition, mutex);
    kernel_cond_wait(condition, mutex);
    return 0;
}

STANDS_FOR(int, pthread_cond_signal, (pthread_cond_t * condition))
{
    if (!posix_in_world())
        return __real_pthread_cond_signal(condition);
    kernel_cond_signal(condition);
    return 0;
}

STANDS_FOR(int, pthread_cond_broadcast, (pthread_cond_t * condition))
{
    if (!posix_in_world())
        return __real_pthread_cond_broadcast(condition);
    kernel_cond_broadcast(condition);
    return 0;
}

/* --- semaphores and barriers: a number, and who waits for it --- */

struct gate {
    struct wait_queue queue;
    uint32_t count;
    uint32_t wanted;
};

_Static_assert(sizeof(struct gate) <= sizeof(sem_t), "it stands in its place");
_Static_assert(sizeof(struct gate) <= sizeof(pthread_barrier_t), "it stands in its place");

static int wait_at(struct gate *gate)
{
    struct sleeper sleeper = {0};
    return call_sleep_in(&sleeper, 1, &gate->queue, UINT64_MAX);
}

STANDS_FOR(int, sem_init, (sem_t * semaphore, int shared, unsigned count))
{
    if (!posix_in_world())
        return __real_sem_init(semaphore, shared, count);
    memset(semaphore, 0, sizeof *semaphore);
    ((struct gate *)semaphore)->count = count;
    return 0;
}

STANDS_FOR(int, sem_destroy, (sem_t * semaphore))
{
    if (!posix_in_world())
        return __real_sem_destroy(semaphore);
    check(!((struct gate *)semaphore)->queue.first);
    return 0;
}

STANDS_FOR(int, sem_post, (sem_t * semaphore))
{
    if (!posix_in_world())
        return __real_sem_post(semaphore);
    struct gate *gate = (struct gate *)semaphore;
    gate->count++;
    wait_wake(&gate->queue, 0);
    (void)call_begin(NULL, "sem_post", -1);
    return 0;
}

STANDS_FOR(int, sem_wait, (sem_t * semaphore))
{
    if (!posix_in_world())
        return __real_sem_wait(semaphore);
    struct gate *gate = (struct gate *)semaphore;
    posix_names();
    (void)call_begin(NULL, "sem_wait", -1);
    while (gate->count == 0) {
        if (wait_at(gate) != -EINTR || !call_is_broken())
            continue;
        errno = EINTR;
        return -1;
    }
    gate->count--;
    return 0;
}

STANDS_FOR(int, pthread_barrier_init,
           (pthread_barrier_t * barrier, const pthread_barrierattr_t *how, unsigned count))
{
    if (!posix_in_world())
        return __real_pthread_barrier_init(barrier, how, count);
    memset(barrier, 0, sizeof *barrier);
    ((struct gate *)barrier)->wanted = count;
    return 0;
}

STANDS_FOR(int, pthread_barrier_destroy, (pthread_barrier_t * barrier))
{
    return posix_in_world() ? 0 : __real_pthread_barrier_destroy(barrier);
}

/* Rounds are told apart by how many have come in all. */
STANDS_FOR(int, pthread_barrier_wait, (pthread_barrier_t * barrier))
{
    if (!posix_in_world())
        return __real_pthread_barrier_wait(barrier);
    struct gate *gate = (struct gate *)barrier;
    (void)call_begin(NULL, "barrier_wait", -1);
    uint32_t round = gate->count++ / gate->wanted;
    if (gate->count / gate->wanted > round) {
        wait_wake(&gate->queue, 0);
        return PTHREAD_BARRIER_SERIAL_THREAD;
    }
    while (gate->count / gate->wanted == round)
        (void)wait_at(gate);
    return 0;
}
