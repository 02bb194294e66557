/* calls_signals.c - the signals of kernel.h. */
#include "sim/calls/call.h"
#include "sim/world/signals.h"

int kernel_sigaction(int number, const struct sigaction *action, struct sigaction *out_former)
{
    struct process *process = process_current();
    if (number < 1 || number >= NSIG || number == SIGKILL || number == SIGSTOP)
        return -EINVAL;
    if (out_former)
        *out_former = process->actions[number];
    if (action)
        process->actions[number] = *action;
    return 0;
}

static int set_mask(int how, const sigset_t *signals, sigset_t *out_former)
{
    struct thread *thread = world->thread;
    sigset_t before = thread->blocked;
    if (out_former)
        *out_former = before;
    if (!signals)
        return 0;
    if (how == SIG_SETMASK)
        thread->blocked = *signals;
    else if (how == SIG_BLOCK)
        sigorset(&thread->blocked, &before, signals);
    else
        for (int number = 1; number < NSIG; number++)
            if (sigismember(signals, number) == 1)
                sigdelset(&thread->blocked, number);
    return 0;
}

int kernel_sigmask(uint64_t *calls, int how, const sigset_t *signals, sigset_t *out_former)
{
    return (int)CALL(calls, "sigmask", -1, set_mask(how, signals, out_former));
}

int kernel_thread_signal(pid_t thread, int number)
{
    struct process *process = process_current();
    for (struct thread *to = process->threads; to; to = to->next) {
        if (to->id != thread || to->state == THREAD_ENDED)
            continue;
        signals_send(process, to, number);
        return 0;
    }
    return -ESRCH;
}

static int wait_for(const sigset_t *signals, const struct timespec *timeout)
{
    uint64_t until_ns = call_deadline(timeout);
    for (;;) {
        int number = signals_take(world->thread, signals);
        if (number)
            return number;
        int result = signals_have_come() ? -EINTR : schedule_sleep(until_ns);
        if (result == -ETIME)
            return -EAGAIN;
        number = signals_take(world->thread, signals);
        if (number)
            return number;
        if (result == -EINTR && signals_interrupt())
            return result;
    }
}

int kernel_sigtimedwait(uint64_t *calls, const sigset_t *signals, const struct timespec *timeout)
{
    return (int)CALL(calls, "sigtimedwait", -1, wait_for(signals, timeout));
}
