/* test_threads.c - work on the pool and posts from other threads. Promise 13. */
#include "harness/harness.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

struct task {
    struct harness_op recorder;
    pthread_t ran_on;
    int64_t answer;
    int gate[2]; /* a pipe that the function reads before it returns */
    atomic_bool begun;
};

static int64_t answer(struct hark_op *op)
{
    struct task *task = hark_container_of(op, struct task, recorder.op);
    task->ran_on = pthread_self();
    atomic_store(&task->begun, true);
    return task->answer;
}

static int64_t wait_at_gate(struct hark_op *op)
{
    struct task *task = hark_container_of(op, struct task, recorder.op);
    char byte[1];
    atomic_store(&task->begun, true);
    return read(task->gate[0], byte, 1) == 1 ? task->answer : -1;
}

BACKEND_TEST(work_runs_on_another_thread_and_gives_what_it_returned)
{
    struct task tasks[50] = {0};
    for (int index = 0; index < 50; index++) {
        tasks[index].answer = index % 2 ? index : -index;
        hark_work(loop, &tasks[index].recorder.op, answer, harness_done);
    }
    harness_run(loop);
    for (int index = 0; index < 50; index++) {
        assert_int_equal(tasks[index].recorder.calls, 1);
        assert_result(tasks[index].recorder.result, index % 2 ? index : -index);
        assert_false(pthread_equal(tasks[index].ran_on, pthread_self()));
    }
}

BACKEND_TEST_WITH(work_that_has_not_begun_is_cancelled_and_work_that_has_is_not, .workers_max = 1)
{
    struct task running = {.answer = 7};
    struct task waiting = {.answer = 8};
    harness_pipe(running.gate, 0);
    hark_work(loop, &running.recorder.op, wait_at_gate, harness_done);
    hark_work(loop, &waiting.recorder.op, answer, harness_done);
    while (!atomic_load(&running.begun))
        harness_turns(loop, 1);
    hark_cancel(&running.recorder.op);
    hark_cancel(&waiting.recorder.op);
    assert_result(harness_wait(loop, &waiting.recorder), -ECANCELED);
    assert_false(atomic_load(&waiting.begun));
    assert_int_equal(running.recorder.calls, 0);
    assert_int_equal(write(running.gate[1], "x", 1), 1);
    harness_run(loop);
    assert_result(running.recorder.result, 7);
    close(running.gate[0]);
    close(running.gate[1]);
}

BACKEND_TEST_WITH(work_past_its_deadline_before_it_begins_gives_etimedout, .workers_max = 1)
{
    struct task running = {.answer = 7};
    struct task waiting = {.answer = 8};
    harness_pipe(running.gate, 0);
    hark_work(loop, &running.recorder.op, wait_at_gate, harness_done);
    hark_work(loop, &waiting.recorder.op, answer, harness_done);
    while (!atomic_load(&running.begun))
        harness_turns(loop, 1);
    hark_op_deadline(&waiting.recorder.op, 0);
    assert_result(harness_wait(loop, &waiting.recorder), -ETIMEDOUT);
    assert_int_equal(write(running.gate[1], "x", 1), 1);
    harness_run(loop);
    close(running.gate[0]);
    close(running.gate[1]);
}

BACKEND_TEST_WITH(work_behind_one_that_was_cancelled_runs, .workers_max = 1)
{
    struct task running = {.answer = 7};
    struct task waiting[3] = {{.answer = 1}, {.answer = 2}, {.answer = 3}};
    harness_pipe(running.gate, 0);
    hark_work(loop, &running.recorder.op, wait_at_gate, harness_done);
    while (!atomic_load(&running.begun))
        harness_turns(loop, 1);
    hark_work(loop, &waiting[0].recorder.op, answer, harness_done);
    hark_work(loop, &waiting[1].recorder.op, answer, harness_done);
    hark_cancel(&waiting[1].recorder.op);
    hark_work(loop, &waiting[2].recorder.op, answer, harness_done);
    assert_int_equal(write(running.gate[1], "x", 1), 1);
    harness_run(loop);
    assert_result(waiting[0].recorder.result, 1);
    assert_result(waiting[1].recorder.result, -ECANCELED);
    assert_result(waiting[2].recorder.result, 3);
    close(running.gate[0]);
    close(running.gate[1]);
}

enum { WORKERS = 4 };

static pthread_barrier_t all_have_begun;

static int64_t wait_for_the_others(struct hark_op *op)
{
    (void)op;
    int last = pthread_barrier_wait(&all_have_begun);
    return last == 0 || last == PTHREAD_BARRIER_SERIAL_THREAD ? 0 : -last;
}

BACKEND_TEST_WITH(works_run_beside_each_other, .workers_max = WORKERS)
{
    struct harness_op works[WORKERS] = {0};
    assert_int_equal(pthread_barrier_init(&all_have_begun, NULL, WORKERS), 0);
    for (int index = 0; index < WORKERS; index++)
        hark_work(loop, &works[index].op, wait_for_the_others, harness_done);
    harness_run(loop);
    for (int index = 0; index < WORKERS; index++)
        assert_result(works[index].result, 0);
    pthread_barrier_destroy(&all_have_begun);
}

/* Gives: how many signals of the program's own could be handled on this thread. */
static int64_t count_open_signals(struct hark_op *op)
{
    static const int numbers[] = {SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGCHLD};
    sigset_t blocked;
    int64_t count = 0;
    (void)op;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    for (size_t index = 0; index < sizeof numbers / sizeof numbers[0]; index++)
        count += sigismember(&blocked, numbers[index]) != 1;
    return count;
}

BACKEND_TEST(promise_14_no_signal_of_the_programs_is_handled_on_a_thread_of_the_pool)
{
    struct harness_op work = {0};
    hark_work(loop, &work.op, count_open_signals, harness_done);
    harness_run(loop);
    assert_result(work.result, 0);
}

BACKEND_TEST(works_cancelled_at_once_each_give_one_final_call)
{
    enum { TASKS = 500 };
    struct task *tasks = calloc(TASKS, sizeof *tasks);
    assert_non_null(tasks);
    for (int index = 0; index < TASKS; index++) {
        tasks[index].answer = index;
        hark_work(loop, &tasks[index].recorder.op, answer, harness_done);
        if (index % 3 == 0)
            hark_cancel(&tasks[index / 2].recorder.op);
        if (index % 50 == 0)
            harness_turns(loop, 1);
    }
    hark_cancel_all(loop);
    harness_run(loop);
    for (int index = 0; index < TASKS; index++) {
        assert_int_equal(tasks[index].recorder.calls, 1);
        assert_true(tasks[index].recorder.result == index ||
                    tasks[index].recorder.result == -ECANCELED);
        if (tasks[index].recorder.result == -ECANCELED)
            assert_false(atomic_load(&tasks[index].begun));
    }
    free(tasks);
}

static void start_work_again(struct harness_op *self, int64_t result)
{
    assert_result(result, 3);
    if (self->calls < 100) {
        self->ended = false;
        hark_work(self->op.loop, &self->op, answer, harness_done);
    }
}

BACKEND_TEST(work_restarted_in_its_callback)
{
    struct task task = {.answer = 3, .recorder = {.then = start_work_again}};
    hark_work(loop, &task.recorder.op, answer, harness_done);
    harness_run(loop);
    assert_int_equal(task.recorder.calls, 100);
}

static int64_t stop_the_loop(struct hark_op *op)
{
    hark_stop(op->loop);
    return 0;
}

BACKEND_TEST(work_may_stop_its_loop)
{
    struct harness_op forever = {0};
    struct harness_op work = {0};
    hark_sleep_until(loop, &forever.op, HARK_NEVER, harness_done);
    hark_work(loop, &work.op, stop_the_loop, harness_done);
    assert_result(hark_run(loop), 1);
    hark_cancel_all(loop);
    harness_run(loop);
}

/* --- posts --- */

enum { POSTERS = 4, POSTS = 2000 };

struct poster {
    struct hark_loop *loop;
    pthread_t thread;
    struct hark_op posts[POSTS];
    int next;
};

static struct poster *posters;
static int posts_left;
static struct hark_op keep_running;

static void posted(struct hark_op *op, int64_t result)
{
    assert_result(result, 0);
    struct poster *poster = NULL;
    for (int index = 0; index < POSTERS && !poster; index++)
        if (op >= posters[index].posts && op < posters[index].posts + POSTS)
            poster = &posters[index];
    assert_non_null(poster);
    assert_int_equal(op - poster->posts, poster->next); /* in the order of its thread */
    poster->next++;
    if (--posts_left == 0)
        hark_cancel(&keep_running);
}

static void *post_all(void *context)
{
    struct poster *poster = context;
    for (int index = 0; index < POSTS; index++)
        hark_post(poster->loop, &poster->posts[index], posted);
    return NULL;
}

static void ignored(struct hark_op *op, int64_t result)
{
    (void)op;
    (void)result;
}

static void start_posters(struct hark_loop *loop)
{
    posters = calloc(POSTERS, sizeof *posters);
    assert_non_null(posters);
    posts_left = POSTERS * POSTS;
    hark_sleep_until(loop, &keep_running, HARK_NEVER, ignored);
    for (int index = 0; index < POSTERS; index++) {
        posters[index].loop = loop;
        assert_int_equal(pthread_create(&posters[index].thread, NULL, post_all, &posters[index]),
                         0);
    }
}

static void join_posters(void)
{
    for (int index = 0; index < POSTERS; index++)
        pthread_join(posters[index].thread, NULL);
}

BACKEND_TEST(promise_13_posts_of_each_thread_arrive_once_and_in_order)
{
    start_posters(loop);
    harness_run(loop);
    assert_int_equal(posts_left, 0);
    join_posters();
    free(posters);
}

/* More than the way in has room for: see base/inbox.h. */
BACKEND_TEST(promise_13_posts_that_nobody_takes_for_a_while_keep_their_order)
{
    start_posters(loop);
    join_posters();
    harness_run(loop);
    assert_int_equal(posts_left, 0);
    free(posters);
}

static void post_in_turn(struct hark_op *op, int64_t result)
{
    struct poster *poster = &posters[0];
    assert_result(result, 0);
    assert_int_equal(op - poster->posts, poster->next++);
    if (poster->next == 1) /* the rest overflows the ring while this one is being handled */
        for (int index = 1; index < POSTS; index++)
            hark_post(op->loop, &poster->posts[index], post_in_turn);
    if (poster->next == POSTS)
        hark_cancel(&keep_running);
}

BACKEND_TEST(posts_of_a_callback_past_the_ring_arrive_in_order)
{
    posters = calloc(1, sizeof *posters);
    assert_non_null(posters);
    hark_sleep_until(loop, &keep_running, HARK_NEVER, ignored);
    hark_post(loop, &posters[0].posts[0], post_in_turn);
    harness_run(loop);
    assert_int_equal(posters[0].next, POSTS);
    free(posters);
}

BACKEND_TEST(post_from_the_loops_own_thread_arrives)
{
    struct harness_op post = {0};
    struct harness_op forever = {0};
    hark_sleep_until(loop, &forever.op, HARK_NEVER, harness_done);
    hark_post(loop, &post.op, harness_done);
    assert_int_equal(post.calls, 0);
    assert_result(harness_wait(loop, &post), 0);
    hark_cancel(&forever.op);
    harness_run(loop);
}

/* Two loops that throw one op to each other. */
struct game {
    struct hark_op ball;
    struct hark_op keep[2];
    struct hark_loop *loops[2];
    int throws;
    sem_t ready;  /* the other loop is made: a loop belongs to the thread that makes it */
    sem_t posted; /* hark_post to it has returned: until then it has to live */
};

static void thrown(struct hark_op *op, int64_t result)
{
    struct game *game = hark_container_of(op, struct game, ball);
    assert_result(result, 0);
    game->throws++;
    hark_cancel(&game->keep[op->loop == game->loops[1]]);
}

static void *other_side(void *context)
{
    struct game *game = context;
    game->loops[1] = harness_loop_create(NULL);
    hark_sleep_until(game->loops[1], &game->keep[1], HARK_NEVER, ignored);
    sem_post(&game->ready);
    assert_int_equal(hark_run(game->loops[1]), 0);
    hark_post(game->loops[0], &game->ball, thrown);
    while (sem_wait(&game->posted) != 0)
        ;
    harness_loop_destroy(game->loops[1]);
    return NULL;
}

BACKEND_TEST(op_posted_between_loops_is_seen_by_each)
{
    struct game game = {.loops = {loop, NULL}};
    pthread_t thread;
    hark_sleep_until(loop, &game.keep[0], HARK_NEVER, ignored);
    assert_int_equal(sem_init(&game.ready, 0, 0), 0);
    assert_int_equal(sem_init(&game.posted, 0, 0), 0);
    assert_int_equal(pthread_create(&thread, NULL, other_side, &game), 0);
    while (sem_wait(&game.ready) != 0)
        ;
    hark_post(game.loops[1], &game.ball, thrown);
    sem_post(&game.posted);
    harness_run(loop);
    pthread_join(thread, NULL);
    assert_int_equal(game.throws, 2);
    sem_destroy(&game.ready);
    sem_destroy(&game.posted);
}
