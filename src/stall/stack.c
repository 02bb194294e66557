/* stack.c - the stack of another thread: a signal to it, whose handler walks its own stack and says
 * so through an eventfd.
 *
 * backtrace(3) is not async-signal-safe the first time, when it loads the unwinder: so it is called
 * once before. */
#include "stall/stack.h"
#include "base/check.h"
#include "kernel/kernel.h"

#include <stdatomic.h>
#include <string.h>

#if __has_include(<execinfo.h>)
#include <execinfo.h>
enum { STACKS_ARE_TOLD = true };
#else /* musl */
enum { STACKS_ARE_TOLD = false };

static int backtrace(void **frames, int room)
{
    (void)frames, (void)room;
    return 0;
}

static void backtrace_symbols_fd(void *const *frames, int count, int fd)
{
    (void)frames, (void)count, (void)fd;
}
#endif

enum {
    ANSWER_MS = 100,
    OWN_FRAMES = 2, /* the handler, and what the kernel returns to after it */
};

/* Of the process. */
static struct {
    pthread_mutex_t lock;
    unsigned users;
    int number;
    struct sigaction former;
    int answered;      /* an eventfd; -1: none is there */
    _Atomic int asked; /* the thread whose stack is wanted; 0: none */
    void *frames[STACK_FRAMES_MAX + OWN_FRAMES];
    int count;
} stack = {.lock = PTHREAD_MUTEX_INITIALIZER, .answered = -1};

static void pass_on(int number, siginfo_t *information, void *context)
{
    if (stack.former.sa_flags & SA_SIGINFO)
        stack.former.sa_sigaction(number, information, context);
    else if (stack.former.sa_handler != SIG_DFL && stack.former.sa_handler != SIG_IGN)
        stack.former.sa_handler(number);
}

static void taken(int number, siginfo_t *information, void *context)
{
    int before = errno;
    int thread = kernel_gettid();
    uint64_t one = 1;
    if (thread && atomic_compare_exchange_strong(&stack.asked, &thread, 0)) {
        stack.count = backtrace(stack.frames, STACK_FRAMES_MAX + OWN_FRAMES);
        kernel_write(NULL, stack.answered, &one, sizeof one);
    } else {
        pass_on(number, information, context);
    }
    errno = before;
}

static int install(int number)
{
    struct sigaction action = {.sa_sigaction = taken, .sa_flags = SA_SIGINFO | SA_RESTART};
    void *frame;
    sigfillset(&action.sa_mask);
    backtrace(&frame, 1);
    stack.answered = kernel_eventfd(NULL, 0, EFD_CLOEXEC);
    if (stack.answered < 0)
        return stack.answered;
    int error = kernel_sigaction(number, &action, &stack.former);
    if (error) {
        kernel_close(NULL, stack.answered);
        stack.answered = -1;
        return error;
    }
    stack.number = number;
    return 0;
}

int stack_begin(int number)
{
    kernel_mutex_lock(&stack.lock);
    int error = stack.users ? (number == stack.number ? 0 : -EINVAL) : install(number);
    stack.users += !error;
    kernel_mutex_unlock(&stack.lock);
    return error;
}

void stack_end(void)
{
    kernel_mutex_lock(&stack.lock);
    if (--stack.users == 0) {
        kernel_sigaction(stack.number, &stack.former, NULL);
        kernel_close(NULL, stack.answered);
        stack.answered = -1;
    }
    kernel_mutex_unlock(&stack.lock);
}

void stack_after_fork(void)
{
    kernel_mutex_init(&stack.lock); /* a thread that is not here may have held it */
    stack_end();
}

/* Whether the handler has written. One that comes too late finds that it is not asked any more. */
static bool answered(int thread)
{
    struct pollfd answer = {.fd = stack.answered, .events = POLLIN};
    uint64_t count;
    if (kernel_poll(NULL, &answer, 1, ANSWER_MS) != 1 &&
        atomic_compare_exchange_strong(&stack.asked, &thread, 0))
        return false;
    return kernel_read(NULL, stack.answered, &count, sizeof count) == sizeof count;
}

const char *stack_refusal(void)
{
    return STACKS_ARE_TOLD ? "its stack could not be had" : "this C library tells no stacks";
}

int stack_take(int thread, void **frames)
{
    int count = 0;
    if (!STACKS_ARE_TOLD)
        return 0; /* nobody is interrupted for what cannot be had */
    kernel_mutex_lock(&stack.lock);
    atomic_store(&stack.asked, thread);
    if (kernel_thread_signal(thread, stack.number) < 0)
        atomic_store(&stack.asked, 0);
    else if (answered(thread) && stack.count > OWN_FRAMES)
        count = stack.count - OWN_FRAMES;
    memcpy(frames, stack.frames + OWN_FRAMES, (size_t)count * sizeof *frames);
    kernel_mutex_unlock(&stack.lock);
    return count;
}

void stack_print(void *const *frames, int count)
{
    if (count > 0)
        backtrace_symbols_fd(frames, count, STDERR_FILENO);
}
