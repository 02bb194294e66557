/* signals.c - see the header. */
#include "sim/world/signals.h"
#include "sim/world/notes.h"
#include "sim/world/process.h"
#include "sim/world/schedule.h"

#include <errno.h>
#include <string.h>

static bool is_ignored(const struct process *process, int number)
{
    const struct sigaction *action = &process->actions[number];
    bool by_default =
        number == SIGCHLD || number == SIGURG || number == SIGWINCH || number == SIGCONT;
    return action->sa_handler == SIG_IGN || (action->sa_handler == SIG_DFL && by_default);
}

static struct thread *find_taker(struct process *process, int number)
{
    for (struct thread *thread = process->threads; thread; thread = thread->next)
        if (thread->state != THREAD_ENDED && !sigismember(&thread->blocked, number))
            return thread;
    return NULL;
}

void signals_send(struct process *process, struct thread *thread, int number)
{
    if (process->ended || (is_ignored(process, number) && number != SIGKILL))
        return;
    note("signal", (uint64_t)process->id, (uint64_t)number, 0);
    if (number == SIGKILL)
        return process_end(process, 128 + number);
    sigaddset(thread ? &thread->pending : &process->pending, number);
    if (!thread)
        thread = find_taker(process, number);
    /* What nobody handles ends it wherever it sleeps. Its own running thread first ends its
     * call. */
    bool runs = world->thread && world->thread->process == process;
    if (thread && !runs && process->actions[number].sa_handler == SIG_DFL &&
        !sigismember(&thread->blocked, number))
        return process_end(process, 128 + number);
    if (thread)
        schedule_wake(thread, -EINTR);
}

/* Not sigisemptyset(3): in glibc it overlooks signal 64 (2.36 at least). */
static uint64_t bits_of(const sigset_t *signals)
{
    uint64_t bits;
    memcpy(&bits, signals, sizeof bits);
    return bits;
}

bool signals_have_come(void)
{
    const struct thread *thread = world->thread;
    uint64_t come = bits_of(&thread->pending) | bits_of(&thread->process->pending);
    return (come & ~bits_of(&thread->blocked)) != 0;
}

int signals_take(struct thread *thread, const sigset_t *among)
{
    sigset_t *sets[] = {&thread->pending, &thread->process->pending};
    for (size_t i = 0; i < 2; i++) {
        if (bits_of(sets[i]) == 0)
            continue;
        for (int number = 1; number < NSIG; number++) {
            bool wanted = among ? sigismember(among, number) == 1
                                : sigismember(&thread->blocked, number) == 0;
            if (!wanted || sigismember(sets[i], number) != 1)
                continue;
            sigdelset(sets[i], number);
            return number;
        }
    }
    return 0;
}

static void handle(struct thread *thread, int number)
{
    const struct sigaction action = thread->process->actions[number];
    if (is_ignored(thread->process, number))
        return;
    if (action.sa_handler == SIG_DFL)
        return process_end(thread->process, 128 + number);
    sigset_t before = thread->blocked;
    sigorset(&thread->blocked, &before, &action.sa_mask);
    if (!(action.sa_flags & SA_NODEFER))
        sigaddset(&thread->blocked, number);
    if (action.sa_flags & SA_SIGINFO) {
        siginfo_t info = {.si_signo = number};
        action.sa_sigaction(number, &info, NULL);
    } else {
        action.sa_handler(number);
    }
    thread->blocked = before;
}

void signals_handle(void)
{
    int number;
    while ((number = signals_take(world->thread, NULL)))
        handle(world->thread, number);
}

/* What the interrupted call holds is not the handlers' calls' to let go. */
bool signals_interrupt(void)
{
    struct thread *thread = world->thread;
    const struct thread was = *thread;
    struct held_before *before = memory_own(sizeof *before);
    int number;
    before->outer = thread->held_before;
    before->frame = (uintptr_t)__builtin_frame_address(0);
    memcpy(before->held, thread->held, sizeof before->held);
    memset(thread->held, 0, sizeof thread->held);
    thread->held_before = before;
    bool interrupted = false, broken = was.broken;
    while ((number = signals_take(thread, NULL))) {
        bool handled = !is_ignored(thread->process, number);
        interrupted |= handled;
        broken |= handled && !(thread->process->actions[number].sa_flags & SA_RESTART);
        handle(thread, number);
    }
    thread->held_before = before->outer;
    memcpy(thread->held, before->held, sizeof before->held);
    memory_own_free(before);
    thread->call = was.call;
    thread->call_fd = was.call_fd;
    thread->by_name = was.by_name;
    thread->interrupted = was.interrupted || interrupted;
    thread->broken = broken;
    return interrupted;
}

int hark_sim_signal(struct hark_sim_process *process, int number)
{
    struct process *to = (struct process *)process;
    if (number < 1 || number >= NSIG)
        return -EINVAL;
    if (to->ended)
        return -ESRCH;
    signals_send(to, NULL, number);
    return 0;
}
