/* stall.c - the thread that watches a loop for callbacks that take long.
 *
 * It is parked while the loop sleeps; the first callback after that wakes it. From then on it looks
 * once in half a limit which callback runs, and parks again when it finds none. So a loop that
 * works all the time wakes it never, and one that rests is not woken for. */
#include "hark/stall.h"
#include "base/check.h"
#include "core/loop.h"
#include "core/trace.h"
#include "stall/stack.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static const uint64_t limit_default_ns = 100000000;
static const uint64_t limit_least_ns = 1000000;

struct stall {
    struct recorder_watch watch;
    struct hark_loop *loop;
    hark_stall_report *report;
    void *context;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* woken, or ending */
    bool ending;
    pthread_t thread;
};

/* A callback that runs. */
struct running {
    uint64_t op, began_ns;
};

/* --- reports --- */

static void print(void *context, const struct hark_stall *stall)
{
    char line[160];
    (void)context;
    int length = snprintf(line, sizeof line, "hark: a callback of %s %s the loop for %llu ms%s%s\n",
                          hark_op_name(stall->kind), stall->over ? "has held" : "holds",
                          (unsigned long long)(stall->held_ns / 1000000),
                          stall->over          ? ""
                          : stall->frame_count ? ":"
                                               : "; ",
                          stall->over || stall->frame_count ? "" : stack_refusal());
    if (length > 0)
        kernel_write(NULL, STDERR_FILENO, line, (size_t)length);
    stack_print(stall->frames, stall->frame_count);
}

static void over(struct recorder_watch *watch, uint64_t op, int kind, uint64_t held_ns)
{
    struct stall *stall = (struct stall *)watch;
    struct hark_stall facts = {
        .loop = stall->loop, .op = op, .kind = kind, .over = true, .held_ns = held_ns};
    stall->report(stall->context, &facts);
}

static bool find_running(struct stall *stall, struct running *out_running)
{
    out_running->op = atomic_load(&stall->watch.running);
    out_running->began_ns = atomic_load_explicit(&stall->watch.began_ns, memory_order_relaxed);
    return out_running->op != 0 && atomic_load(&stall->watch.running) == out_running->op;
}

static bool same(const struct running *a, const struct running *b)
{
    return a->op == b->op && a->began_ns == b->began_ns;
}

static void report_running(struct stall *stall, const struct running *running)
{
    void *frames[STACK_FRAMES_MAX];
    int kind = atomic_load_explicit(&stall->watch.kind, memory_order_relaxed);
    int count =
        stack_take(atomic_load_explicit(&stall->watch.thread, memory_order_relaxed), frames);
    struct running now;
    if (!find_running(stall, &now) || !same(&now, running))
        return; /* it has just returned: what was taken is another's stack */
    struct hark_stall facts = {
        .loop = stall->loop,
        .op = running->op,
        .kind = kind,
        .held_ns = kernel_clock_gettime(CLOCK_MONOTONIC) - running->began_ns,
        .frames = frames,
        .frame_count = count,
    };
    stall->report(stall->context, &facts);
}

/* --- the thread --- */

static void wake(struct recorder_watch *watch)
{
    struct stall *stall = (struct stall *)watch;
    kernel_mutex_lock(&stall->lock);
    atomic_store(&watch->parked, false);
    kernel_cond_signal(&stall->changed);
    kernel_mutex_unlock(&stall->lock);
}

/* The lock is held. */
static void park(struct stall *stall)
{
    atomic_store(&stall->watch.parked, true);
    while (atomic_load(&stall->watch.parked) && atomic_load(&stall->watch.running) == 0 &&
           !stall->ending)
        kernel_cond_wait(&stall->changed, &stall->lock);
    atomic_store(&stall->watch.parked, false);
}

/* The lock is held. */
static void wait_until(struct stall *stall, uint64_t at_ns)
{
    while (!stall->ending && kernel_clock_gettime(CLOCK_MONOTONIC) < at_ns)
        kernel_cond_wait_until(&stall->changed, &stall->lock, at_ns);
}

/* Looks at the callback that runs, if any. The lock is held, but for the report. */
static void look(struct stall *stall, struct running *told)
{
    struct running first, then;
    if (!find_running(stall, &first))
        return park(stall);
    if (same(&first, told))
        return;
    wait_until(stall, first.began_ns + stall->watch.limit_ns);
    if (stall->ending || !find_running(stall, &then) || !same(&first, &then))
        return;
    *told = first;
    kernel_mutex_unlock(&stall->lock);
    report_running(stall, &first);
    kernel_mutex_lock(&stall->lock);
}

static void *watch_loop(void *argument)
{
    struct stall *stall = argument;
    struct running told = {0};
    kernel_mutex_lock(&stall->lock);
    while (!stall->ending) {
        look(stall, &told);
        wait_until(stall, kernel_clock_gettime(CLOCK_MONOTONIC) + stall->watch.limit_ns / 2);
    }
    kernel_mutex_unlock(&stall->lock);
    return NULL;
}

/* --- beginning and ending --- */

static void end(struct recorder_watch *watch)
{
    struct stall *stall = (struct stall *)watch;
    stall->loop->recorder->watch = NULL;
    trace_let_go(stall->loop);
    kernel_mutex_lock(&stall->lock);
    stall->ending = true;
    kernel_cond_signal(&stall->changed);
    kernel_mutex_unlock(&stall->lock);
    kernel_thread_join(stall->thread);
    stack_end();
    kernel_cond_destroy(&stall->changed);
    kernel_mutex_destroy(&stall->lock);
    free(stall);
}

static void after_fork(struct recorder_watch *watch)
{
    struct stall *stall = (struct stall *)watch;
    stall->loop->recorder->watch = NULL;
    stack_after_fork();
    free(stall);
}

static int begin(struct hark_loop *loop, struct stall *stall, int number)
{
    struct recorder *recorder = trace_recorder(loop);
    if (!recorder)
        return -ENOMEM;
    int error = stack_begin(number);
    if (error)
        return error;
    error = kernel_thread_start(&stall->thread, "hark-stall", watch_loop, stall);
    if (error) {
        stack_end();
        return error;
    }
    recorder->watch = &stall->watch;
    return 0;
}

int hark_stall_watch(struct hark_loop *loop, const struct hark_stall_options *given)
{
    struct hark_stall_options options = given ? *given : (struct hark_stall_options){0};
    if (loop->recorder && loop->recorder->watch)
        return -EALREADY;
    if (options.limit_ns == 0)
        options.limit_ns = limit_default_ns;
    if (options.limit_ns < limit_least_ns)
        return -EINVAL;
    struct stall *stall = calloc(1, sizeof *stall);
    if (!stall)
        return -ENOMEM;
    stall->watch = (struct recorder_watch){
        .limit_ns = options.limit_ns,
        .wake = wake,
        .over = over,
        .end = end,
        .after_fork = after_fork,
    };
    stall->loop = loop;
    stall->report = options.report ? options.report : print;
    stall->context = options.context;
    kernel_mutex_init(&stall->lock);
    kernel_cond_init(&stall->changed);
    int error = begin(loop, stall, options.signal ? options.signal : SIGURG);
    if (error) {
        trace_let_go(loop);
        kernel_cond_destroy(&stall->changed);
        kernel_mutex_destroy(&stall->lock);
        free(stall);
    }
    return error;
}

void hark_stall_unwatch(struct hark_loop *loop)
{
    if (loop->recorder && loop->recorder->watch)
        end(loop->recorder->watch);
}
