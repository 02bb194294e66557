/* scene_ops.c - what a loop does by itself, in an order that the seed chooses: timers, work, posts
 * from threads, polls and reads of a counter, deadlines, cancels. Promises 3, 4, 7, 8: each op has
 * one final call, a timer is never early, and timers are called in the order of their times. */
#include "scene.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { TASKS = 24, STEPS = 300, SECOND_NS = 1000000000 };

enum kind { SLEEP, DEFER, NOP, WORK, POST, POLL, READ, EVERY, KINDS };

struct task {
    struct hark_op op;
    struct program *program;
    enum kind kind;
    bool active;
    bool cancelled;
    bool limited; /* it has a deadline */
    uint64_t due_ns;
    uint64_t order;
    uint64_t count; /* that was read */
};

struct program {
    struct hark_sim *world;
    struct hark_loop *loop;
    struct hark_op step;
    struct task tasks[TASKS];
    struct hark_op posting;
    struct task *posted;
    int counter; /* an eventfd */
    int steps_left;
    uint64_t starts;
    uint64_t finals;
    uint64_t order;
    uint64_t timer_ns; /* of the last timer that was called, and its order of start */
    uint64_t timer_order;
};

static uint64_t chance(const struct program *program, uint64_t bound)
{
    return hark_sim_random(program->world, bound);
}

/* --- what is told --- */

static void check_timer(struct task *task, int64_t result)
{
    struct program *program = task->program;
    uint64_t now_ns = hark_now(program->loop);
    if (result != 0)
        return;
    scene_check(now_ns >= task->due_ns, "a timer is %llu ns early",
                (unsigned long long)(task->due_ns - now_ns));
    bool in_order = program->timer_ns < task->due_ns ||
                    (program->timer_ns == task->due_ns && program->timer_order < task->order);
    scene_check(in_order, "a timer for %llu is called after one for %llu",
                (unsigned long long)task->due_ns, (unsigned long long)program->timer_ns);
    program->timer_ns = task->due_ns;
    program->timer_order = task->order;
}

static bool is_expected(const struct task *task, int64_t result)
{
    if (result == -ECANCELED)
        return task->cancelled;
    if (result == -ETIMEDOUT)
        return task->limited;
    if (result < 0 && (task->kind == POLL || task->kind == READ || task->kind == WORK))
        return scene_may_try_again(result);
    return task->kind == READ   ? result == sizeof(uint64_t)
           : task->kind == POLL ? result > 0
           : task->kind == WORK ? result == 7
                                : result == 0;
}

static void done(struct hark_op *op, int64_t result)
{
    struct task *task = hark_container_of(op, struct task, op);
    scene_check(task->active, "op of kind %d is called with %lld after its end", task->kind,
                (long long)result);
    if (hark_op_more(op)) {
        scene_check(task->kind == EVERY && result >= 0, "kind %d goes on with %lld", task->kind,
                    (long long)result);
        return;
    }
    scene_check(is_expected(task, result), "kind %d ends with %lld", task->kind, (long long)result);
    if (task->kind == SLEEP)
        check_timer(task, result);
    task->active = false;
    task->program->finals++;
}

/* --- what is asked for --- */

static int64_t work(struct hark_op *op)
{
    (void)op;
    if (usleep(1000) < 0)
        return -errno;
    return 7;
}

/* On a thread of the pool: posts come from there. */
static int64_t post(struct hark_op *op)
{
    struct program *program = hark_container_of(op, struct program, posting);
    hark_post(program->loop, &program->posted->op, done);
    return 0;
}

static void has_posted(struct hark_op *op, int64_t result)
{
    struct program *program = hark_container_of(op, struct program, posting);
    scene_check(result == 0 || scene_may_try_again(result), "posting ends with %lld",
                (long long)result);
    if (result < 0) { /* no thread could be made for it: nobody has posted */
        program->posted->active = false;
        program->finals++;
    }
    program->posted = NULL;
}

static void start_timer(struct program *program, struct task *task)
{
    /* Few times, so that many are equal; or so soon that a turn meets it to the nanosecond. */
    uint64_t step_ns = SECOND_NS / 1000;
    uint64_t now_ns = hark_now(program->loop);
    task->due_ns = chance(program, 2) ? (now_ns / step_ns + 1 + chance(program, 5)) * step_ns
                                      : now_ns + chance(program, 4000);
    hark_sleep_until(program->loop, &task->op, task->due_ns, done);
}

static void start(struct program *program, struct task *task)
{
    enum kind kind = (enum kind)chance(program, KINDS);
    if (kind == POST && program->posted)
        kind = NOP;
    *task =
        (struct task){.program = program, .kind = kind, .active = true, .order = ++program->order};
    program->starts++;
    switch (kind) {
    case SLEEP:
        return start_timer(program, task);
    case DEFER:
        return hark_defer(program->loop, &task->op, done);
    case NOP:
        return hark_nop(program->loop, &task->op, done);
    case WORK:
        return hark_work(program->loop, &task->op, work, done);
    case POST:
        program->posted = task;
        return hark_work(program->loop, &program->posting, post, has_posted);
    case POLL:
        return hark_poll(program->loop, &task->op, program->counter, POLLIN, done);
    case READ:
        return hark_read(program->loop, &task->op, program->counter, &task->count,
                         sizeof task->count, HARK_AT_POSITION, done);
    case EVERY:
        return hark_every(program->loop, &task->op, SECOND_NS / 500, done);
    case KINDS:
        break;
    }
}

static void cancel(struct task *task)
{
    if (!task->active || task == task->program->posted)
        return;
    task->cancelled = true;
    hark_cancel(&task->op);
}

static void limit(struct program *program, struct task *task)
{
    if (!task->active || task->kind == POST || task->kind == EVERY || task->kind == SLEEP)
        return;
    task->limited = true;
    hark_op_deadline(&task->op, hark_now(program->loop) + chance(program, SECOND_NS / 200));
}

static void end_all(struct program *program)
{
    for (size_t i = 0; i < TASKS; i++)
        cancel(&program->tasks[i]);
}

static void step(struct hark_op *op, int64_t result)
{
    struct program *program = hark_container_of(op, struct program, step);
    uint64_t one = 1;
    scene_check(result == 0, "a step ends with %lld", (long long)result);
    struct task *task = &program->tasks[chance(program, TASKS)];
    switch (chance(program, 6)) {
    case 0:
        cancel(task);
        break;
    case 1:
        limit(program, task);
        break;
    case 2:
        scene_check(write(program->counter, &one, sizeof one) == sizeof one, "%s", strerror(errno));
        break;
    default:
        if (!task->active)
            start(program, task);
    }
    if (--program->steps_left == 0)
        return end_all(program);
    if (chance(program, 2))
        hark_defer(program->loop, &program->step, step);
    else
        hark_sleep(program->loop, &program->step, chance(program, SECOND_NS / 300), step);
}

static int run(void *argument)
{
    struct program *program = argument;
    struct hark_options small = {0};
    small.entries = 1 + (uint32_t)chance(program, 8);
    small.turn_max = 1 + (uint32_t)chance(program, 16);
    small.workers_max = 1 + (uint32_t)chance(program, 3);
    program->loop = scene_make_loop(&small);
    program->counter = scene_try(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    program->steps_left = (int)scene_steps(STEPS);
    hark_defer(program->loop, &program->step, step);
    int result = hark_run(program->loop);
    /* A post may have come after the last step; and what it began is to be ended, too. */
    scene_check(result == 0, "the loop ends with %s", hark_error_name(result));
    scene_check(program->finals == program->starts, "%llu ops ended, %llu were started",
                (unsigned long long)program->finals, (unsigned long long)program->starts);
    scene_check(hark_loop_active(program->loop) == 0, "ops are left");
    close(program->counter);
    return hark_loop_destroy(program->loop);
}

static void play(struct hark_sim *world)
{
    struct program *program = calloc(1, sizeof *program);
    program->world = world;
    struct hark_sim_process *process = hark_sim_start(hark_sim_add_machine(world), run, program);
    scene_run(world);
    scene_left_nothing(process);
    free(program);
}

SCENE(ops, "timers, work, posts, polls, deadlines and cancels in any order")
{
    play(world);
}

SCENE_WITHOUT(ops_errors, "the same, and calls fail", 1000000000,
              1 << HARK_SIM_FAULT_MEMORY | 1 << HARK_SIM_FAULT_RING)
{
    play(world);
}
