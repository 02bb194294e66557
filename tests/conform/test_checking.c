/* test_checking.c - what a build with -Dchecking=true tells of calls from foreign threads, and of
 * ops that go while they are in flight. Promises 4 and 13. */
#include "harness/told.h"

#ifdef HARK_CHECKING

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- threads --- */

static void *start_elsewhere(void *context)
{
    static struct hark_op op;
    hark_sleep(context, &op, 1, harness_ignore);
    return NULL;
}

static void start_from_another_thread(struct hark_op *op, int64_t result)
{
    pthread_t thread;
    (void)result;
    if (pthread_create(&thread, NULL, start_elsewhere, op->loop) == 0)
        pthread_join(thread, NULL);
}

static void calls_from_another_thread(struct hark_loop *loop, const int ends[2])
{
    static struct hark_op op;
    (void)ends;
    hark_defer(loop, &op, start_from_another_thread);
    hark_run(loop);
}

BACKEND_TEST(promise_13_call_from_another_thread_is_told)
{
    harness_assert_told(calls_from_another_thread,
                        "a call from another thread than the one that runs the loop: hark_sleep",
                        false);
}

/* --- ops --- */

#define GONE "an op was freed or overwritten while it was in flight: "

static char room[256];

static void frees_an_op(struct hark_loop *loop, const int ends[2])
{
    struct hark_op *op = calloc(1, sizeof *op);
    hark_recv(loop, op, ends[0], room, sizeof room, 0, harness_ignore);
    free(op);
    hark_run_once(loop);
}

BACKEND_TEST(promise_04_op_freed_in_flight_is_told)
{
    harness_assert_told(frees_an_op, GONE "hark_recv on descriptor", true);
}

static void overwrites_an_op(struct hark_loop *loop, const int ends[2])
{
    static struct hark_op op;
    hark_poll(loop, &op, ends[0], HARK_POLL_READABLE, harness_ignore);
    hark_run_ready(loop);
    memset(&op, 0, sizeof op);
    hark_run_once(loop);
}

BACKEND_TEST(promise_04_op_overwritten_in_flight_is_told)
{
    harness_assert_told(overwrites_an_op, GONE "hark_poll on descriptor", true);
}

static void reuses_an_op(struct hark_loop *loop, const int ends[2])
{
    static struct hark_op op;
    hark_recv(loop, &op, ends[0], room, sizeof room, 0, harness_ignore);
    memset(&op, 0, sizeof op);
    hark_sleep(loop, &op, 1, harness_ignore);
}

BACKEND_TEST(promise_04_op_zeroed_in_flight_and_started_anew_is_told)
{
    harness_assert_told(reuses_an_op, GONE "hark_recv on descriptor", true);
}

static void copies_over_an_op(struct hark_loop *loop, const int ends[2])
{
    static struct hark_op ops[2];
    hark_poll(loop, &ops[0], ends[0], HARK_POLL_READABLE, harness_ignore);
    hark_poll(loop, &ops[1], ends[0], HARK_POLL_READABLE, harness_ignore);
    ops[0] = ops[1];
    hark_run(loop);
}

BACKEND_TEST(promise_04_op_overwritten_by_another_like_it_is_told)
{
    harness_assert_told(copies_over_an_op, GONE "hark_poll on descriptor", true);
}

static __attribute__((noinline)) void start_on_the_stack(struct hark_loop *loop, int fd)
{
    struct hark_op op = {0};
    hark_recv_each(loop, &op, fd, harness_ignore);
}

static __attribute__((noinline)) void use_the_stack(void)
{
    volatile char bytes[1024];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)i;
}

static void leaves_an_op(struct hark_loop *loop, const int ends[2])
{
    start_on_the_stack(loop, ends[0]);
    use_the_stack();
    hark_run_once(loop);
}

BACKEND_TEST(promise_04_op_out_of_scope_in_flight_is_told)
{
    harness_assert_told(leaves_an_op, GONE "hark_recv_each on descriptor", true);
}

static struct hark_op *victim;

static void free_the_victim(struct hark_op *op, int64_t result)
{
    (void)op;
    (void)result;
    free(victim);
}

static void frees_an_op_in_a_callback(struct hark_loop *loop, const int ends[2])
{
    static struct hark_op op;
    victim = calloc(1, sizeof *victim);
    hark_defer(loop, &op, free_the_victim);
    hark_recv(loop, victim, ends[0], room, sizeof room, 0, harness_ignore);
    harness_put(ends[1], "both are known at once");
    hark_run(loop);
}

BACKEND_TEST(promise_04_op_freed_in_another_callback_is_told)
{
    harness_assert_told(frees_an_op_in_a_callback, GONE "hark_recv on descriptor", true);
}

static void frees_a_repeating_op(struct hark_loop *loop, const int ends[2])
{
    victim = calloc(1, sizeof *victim);
    hark_recv_each(loop, victim, ends[0], free_the_victim);
    harness_put(ends[1], "more may come");
    hark_run(loop);
}

BACKEND_TEST(promise_04_repeating_op_freed_before_its_final_call_is_told)
{
    harness_assert_told(frees_a_repeating_op, GONE "hark_recv_each on descriptor", true);
}

static struct hark_op flying;

/* The first call overwrites an op, the second puts it right. */
static void overwrite_or_mend(struct hark_op *op, int64_t result)
{
    static struct hark_op saved;
    static int calls;
    (void)op;
    (void)result;
    if (calls++ == 0) {
        saved = flying;
        memset(&flying, 0, sizeof flying);
    } else {
        flying = saved;
        _exit(0);
    }
}

static void overwrites_an_op_for_a_call(struct hark_loop *loop, const int ends[2])
{
    static struct hark_op ops[2];
    hark_poll(loop, &flying, ends[0], HARK_POLL_READABLE, harness_ignore);
    hark_defer(loop, &ops[0], overwrite_or_mend);
    hark_defer(loop, &ops[1], overwrite_or_mend);
    hark_run(loop);
}

static void overwrites_an_op_for_a_repeated_call(struct hark_loop *loop, const int ends[2])
{
    static struct hark_op ops[2];
    int pairs[2][2];
    hark_poll(loop, &flying, ends[0], HARK_POLL_READABLE, harness_ignore);
    for (int i = 0; i < 2; i++) {
        harness_socket_pair(loop, pairs[i]);
        harness_put(pairs[i][1], "both have come when the first is called");
        hark_recv_each(loop, &ops[i], pairs[i][0], overwrite_or_mend);
    }
    hark_run(loop);
}

BACKEND_TEST(promise_04_op_overwritten_in_a_callback_is_told_before_the_next)
{
    harness_assert_told(overwrites_an_op_for_a_call, GONE "hark_poll on descriptor", true);
    harness_assert_told(overwrites_an_op_for_a_repeated_call, GONE "hark_poll on descriptor", true);
}

/* They are looked at in turn. */
static void overwrites_one_of_many(struct hark_loop *loop, const int ends[2])
{
    enum { MANY = 1000 };
    static struct hark_op ops[MANY], other;
    for (int i = 0; i < MANY; i++)
        hark_poll(loop, &ops[i], ends[0], HARK_POLL_READABLE, harness_ignore);
    hark_every(loop, &other, 100000, harness_ignore);
    hark_run_once(loop);
    memset(&ops[MANY / 2], 0, sizeof ops[0]);
    hark_run(loop);
}

BACKEND_TEST(promise_04_op_overwritten_among_many_is_told)
{
    harness_assert_told(overwrites_one_of_many, GONE "hark_poll on descriptor", true);
}

static void overwrites_a_post(struct hark_loop *loop, const int ends[2])
{
    static struct hark_op op;
    (void)ends;
    hark_post(loop, &op, harness_ignore);
    memset(&op, 0, sizeof op);
    hark_run(loop);
}

BACKEND_TEST(promise_04_post_overwritten_before_it_is_taken_is_told)
{
    harness_assert_told(overwrites_a_post, GONE "hark_post", false);
}

static int64_t idle_away(struct hark_op *op)
{
    (void)op;
    return 0;
}

static void overwrites_work(struct hark_loop *loop, const int ends[2])
{
    static struct hark_op op, other;
    (void)ends;
    hark_work(loop, &op, idle_away, harness_ignore);
    hark_every(loop, &other, 1000000, harness_ignore);
    op.done = NULL;
    hark_run(loop);
}

BACKEND_TEST(promise_04_work_overwritten_in_flight_is_told)
{
    harness_assert_told(overwrites_work, GONE "hark_work", false);
}

#else

TEST(checking_build_tells_ops_that_go)
{
    harness_skip("for a build with -Dchecking=true");
}

#endif
