/* test_world.c - worlds, processes and time: what is the same from one seed, and what passes at
 * once. */
#include "hark/sim.h"
#include "harness/harness.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static const uint64_t second_ns = UINT64_C(1000000000);

struct sleeper {
    struct hark_loop *loop;
    struct hark_op op;
    uint64_t for_ns;
    uint64_t slept_ns;
    int64_t result;
};

static void slept(struct hark_op *op, int64_t result)
{
    struct sleeper *sleeper = hark_container_of(op, struct sleeper, op);
    sleeper->result = result;
}

static int sleep_once(void *argument)
{
    struct sleeper *sleeper = argument;
    if (hark_loop_create(NULL, &sleeper->loop) < 0)
        return 1;
    uint64_t began_ns = hark_now(sleeper->loop);
    hark_sleep(sleeper->loop, &sleeper->op, sleeper->for_ns, slept);
    int result = hark_run(sleeper->loop);
    sleeper->slept_ns = hark_now(sleeper->loop) - began_ns;
    return result ? result : hark_loop_destroy(sleeper->loop);
}

/* One world with `count` processes that sleep. Gives its hash. */
static uint64_t sleep_in_world(uint64_t seed, struct sleeper *sleepers, size_t count)
{
    struct hark_sim *world;
    struct hark_sim_options options = {.seed = seed};
    assert_int_equal(hark_sim_create(&options, &world), 0);
    struct hark_sim_machine *machine = hark_sim_add_machine(world);
    struct hark_sim_process *processes[8];
    for (size_t i = 0; i < count; i++)
        processes[i] = hark_sim_start(machine, sleep_once, &sleepers[i]);
    assert_int_equal(hark_sim_run(world), 0);
    for (size_t i = 0; i < count; i++) {
        assert_true(hark_sim_ended(processes[i]));
        assert_int_equal(hark_sim_status(processes[i]), 0);
        assert_int_equal(sleepers[i].result, 0);
        assert_true(sleepers[i].slept_ns >= sleepers[i].for_ns);
    }
    uint64_t hash = hark_sim_hash(world);
    hark_sim_destroy(world);
    return hash;
}

/* --- what it has not --- */

static void note_result(struct hark_op *op, int64_t result)
{
    hark_container_of(op, struct sleeper, op)->result = result;
}

/* Gives: how many of the answers were others. */
static int ask_for_children(void *argument)
{
    static const char *const words[] = {"true", NULL};
    const struct hark_child_options options = {.program = "/bin/true", .arguments = words};
    struct sleeper *waiting = argument;
    siginfo_t end;
    int wrong = hark_os_spawn(&options, NULL) != -ENOSYS;
    for (int backend = HARK_BACKEND_URING; backend <= HARK_BACKEND_SELECT; backend++) {
        struct hark_options loop_options = {.backend = (enum hark_backend_kind)backend};
        int ends[2];
        if (hark_loop_create(&loop_options, &waiting->loop) < 0 || pipe(ends) < 0)
            return 100;
        wrong += hark_os_kill(ends[0], SIGTERM) != -ENOSYS;
        hark_waitid(waiting->loop, &waiting->op, ends[0], &end, note_result);
        if (hark_run(waiting->loop) < 0)
            return 101;
        wrong += waiting->result != -ENOSYS;
        hark_os_close(waiting->loop, ends[0]);
        hark_os_close(waiting->loop, ends[1]);
        if (hark_loop_destroy(waiting->loop) < 0)
            return 102;
    }
    return wrong;
}

TEST(a_world_runs_no_other_programs_and_says_so)
{
    struct hark_sim *world;
    struct hark_sim_options options = {.seed = 1};
    struct sleeper waiting = {0};
    assert_int_equal(hark_sim_create(&options, &world), 0);
    struct hark_sim_process *process =
        hark_sim_start(hark_sim_add_machine(world), ask_for_children, &waiting);
    assert_int_equal(hark_sim_run(world), 0);
    assert_int_equal(hark_sim_status(process), 0);
    hark_sim_destroy(world);
}

TEST(ten_minutes_pass_at_once)
{
    struct sleeper sleeper = {.for_ns = 600 * second_ns};
    sleep_in_world(1, &sleeper, 1);
    assert_true(sleeper.slept_ns < 601 * second_ns);
}

TEST(one_seed_gives_one_run_and_another_seed_another)
{
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct sleeper once[3] = {{.for_ns = second_ns}, {.for_ns = 5}, {.for_ns = 77777}};
        struct sleeper again[3] = {{.for_ns = second_ns}, {.for_ns = 5}, {.for_ns = 77777}};
        uint64_t hash = sleep_in_world(seed, once, 3);
        assert_int_equal(hash, sleep_in_world(seed, again, 3));
        struct sleeper other[3] = {{.for_ns = second_ns}, {.for_ns = 5}, {.for_ns = 77777}};
        assert_int_not_equal(hash, sleep_in_world(seed + 100, other, 3));
    }
}

/* --- ends that come from outside --- */

static int sleep_for_ever(void *argument)
{
    struct sleeper *sleeper = argument;
    if (hark_loop_create(NULL, &sleeper->loop) < 0)
        return 1;
    hark_sleep_until(sleeper->loop, &sleeper->op, HARK_NEVER, slept);
    return hark_run(sleeper->loop);
}

TEST(who_sleeps_for_ever_is_told_and_gives_all_back_when_killed)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct hark_sim *world;
        struct hark_sim_options options = {.seed = seed};
        assert_int_equal(hark_sim_create(&options, &world), 0);
        struct sleeper sleeper = {.for_ns = 0};
        struct hark_sim_process *process =
            hark_sim_start(hark_sim_add_machine(world), sleep_for_ever, &sleeper);
        assert_int_equal(hark_sim_run(world), -EDEADLK);
        assert_false(hark_sim_ended(process));
        hark_sim_kill(process);
        assert_int_equal(hark_sim_run(world), 0);
        assert_int_equal(hark_sim_status(process), 128 + SIGKILL);
        hark_sim_destroy(world);
    }
}

TEST(a_signal_that_nobody_handles_ends_a_process)
{
    struct hark_sim *world;
    assert_int_equal(hark_sim_create(NULL, &world), 0);
    struct sleeper sleeper = {.for_ns = 0};
    struct hark_sim_process *process =
        hark_sim_start(hark_sim_add_machine(world), sleep_for_ever, &sleeper);
    assert_int_equal(hark_sim_run_for(world, second_ns), 1);
    assert_int_equal(hark_sim_signal(process, SIGTERM), 0);
    assert_int_equal(hark_sim_run(world), 0);
    assert_int_equal(hark_sim_status(process), 128 + SIGTERM);
    hark_sim_destroy(world);
}

/* --- signals, work and posts --- */

struct busy;

struct task {
    struct hark_op op;
    struct busy *of;
};

struct busy {
    struct hark_loop *loop;
    struct hark_op signal, tick;
    struct task tasks[8];
    int signals, works, ticks;
};

static void signalled(struct hark_op *op, int64_t result)
{
    struct busy *busy = hark_container_of(op, struct busy, signal);
    busy->signals += result == SIGUSR1;
}

static int64_t work(struct hark_op *op)
{
    return hark_container_of(op, struct task, op)->of->ticks + 100;
}

static void worked(struct hark_op *op, int64_t result)
{
    hark_container_of(op, struct task, op)->of->works += result >= 100;
}

static void ticked(struct hark_op *op, int64_t result)
{
    (void)result;
    struct busy *busy = hark_container_of(op, struct busy, tick);
    if (hark_op_more(op) && ++busy->ticks == 10) {
        hark_cancel(&busy->tick);
        hark_cancel(&busy->signal);
    }
}

static int be_busy(void *argument)
{
    struct busy *busy = argument;
    if (hark_loop_create(NULL, &busy->loop) < 0)
        return 1;
    hark_signal_each(busy->loop, &busy->signal, SIGUSR1, signalled);
    for (size_t i = 0; i < 8; i++) {
        busy->tasks[i].of = busy;
        hark_work(busy->loop, &busy->tasks[i].op, work, worked);
    }
    hark_every(busy->loop, &busy->tick, second_ns, ticked);
    int result = hark_run(busy->loop);
    return result ? result : hark_loop_destroy(busy->loop);
}

TEST(signals_work_and_timers_reach_each_process_for_itself)
{
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct hark_sim *world;
        struct hark_sim_options options = {.seed = seed};
        assert_int_equal(hark_sim_create(&options, &world), 0);
        struct hark_sim_machine *machine = hark_sim_add_machine(world);
        struct busy busy[2] = {{.signals = 0}, {.signals = 0}};
        struct hark_sim_process *processes[2];
        for (size_t i = 0; i < 2; i++)
            processes[i] = hark_sim_start(machine, be_busy, &busy[i]);
        assert_int_equal(hark_sim_run_for(world, 5 * second_ns), 1);
        assert_int_equal(hark_sim_signal(processes[1], SIGUSR1), 0);
        assert_int_equal(hark_sim_run(world), 0);
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(hark_sim_status(processes[i]), 0);
            assert_int_equal(busy[i].signals, i);
            assert_int_equal(busy[i].works, 8);
            assert_int_equal(busy[i].ticks, 10);
        }
        hark_sim_destroy(world);
    }
}

/* --- killed while it joins --- */

static int64_t sleep_on_pool(struct hark_op *op)
{
    (void)op;
    return usleep(2000000) < 0 ? -errno : 0;
}

static void worked_for_nothing(struct hark_op *op, int64_t result)
{
    (void)op;
    (void)result;
}

static void *sleep_long(void *argument)
{
    usleep(5000000);
    return argument;
}

/* Waits for a thread, and has another in its pool. */
static int join_while_work_runs(void *argument)
{
    struct task *task = argument;
    struct hark_loop *loop;
    if (hark_loop_create(NULL, &loop) < 0)
        return 1;
    hark_work(loop, &task->op, sleep_on_pool, worked_for_nothing);
    usleep(1000000);
    pthread_t joined;
    if (pthread_create(&joined, NULL, sleep_long, NULL))
        return 1;
    return pthread_join(joined, NULL);
}

TEST(a_process_that_is_killed_while_it_joins_a_thread_leaves_nothing)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct hark_sim *world;
        struct hark_sim_options options = {.seed = seed};
        assert_int_equal(hark_sim_create(&options, &world), 0);
        struct task task = {.of = NULL};
        struct hark_sim_process *process =
            hark_sim_start(hark_sim_add_machine(world), join_while_work_runs, &task);
        assert_int_equal(hark_sim_run_for(world, 3 * second_ns / 2), 1);
        hark_sim_kill(process);
        assert_int_equal(hark_sim_run(world), 0);
        hark_sim_destroy(world);
    }
}
