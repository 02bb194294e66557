/* test_hand_over.c - a loop that one thread makes and another runs. Promise 13. */
#include "harness/harness.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

static void *run(void *context)
{
    return (void *)(intptr_t)hark_run(context);
}

static int run_elsewhere(struct hark_loop *loop)
{
    pthread_t thread;
    void *result;
    assert_int_equal(pthread_create(&thread, NULL, run, loop), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    return (int)(intptr_t)result;
}

BACKEND_TEST_WITH(promise_13_loop_made_here_runs_in_another_thread, .entries = 16)
{
    enum { OPS = 100 }; /* more than the queue of requests takes before it runs */
    struct harness_op nops[OPS] = {0}, timer = {0}, receive = {0};
    char byte;
    int ends[2];
    harness_socket_pair(loop, ends);
    hark_recv(loop, &receive.op, ends[0], &byte, 1, 0, harness_done);
    hark_sleep(loop, &timer.op, 1000000, harness_done);
    for (int i = 0; i < OPS; i++)
        hark_nop(loop, &nops[i].op, harness_done);
    hark_cancel(&receive.op);
    assert_result(run_elsewhere(loop), 0);
    for (int i = 0; i < OPS; i++)
        assert_result(nops[i].result, 0);
    assert_result(timer.result, 0);
    assert_result(receive.result, -ECANCELED);
    assert_result(hark_os_close(loop, ends[0]), 0);
    assert_result(hark_os_close(loop, ends[1]), 0);
}

BACKEND_TEST(promise_13_loop_that_another_thread_has_run_says_so)
{
    struct harness_op first = {0}, second = {0};
    hark_nop(loop, &first.op, harness_done);
    assert_result(run_elsewhere(loop), 0);
    bool bound =
        harness_backend() == HARK_BACKEND_URING; /* what is in flight is its thread's there */
    assert_result(hark_run_once(loop), bound ? -EPERM : 0);
    if (bound)
        return;
    hark_nop(loop, &second.op, harness_done);
    harness_run(loop);
    assert_result(second.result, 0);
}

/* On io_uring each thread counts its own rings: one's number must not be taken for another's. */
BACKEND_TEST(promise_13_loop_of_another_thread_is_destroyed_without_harm_to_ones_own)
{
    struct hark_loop *other = harness_loop_create(NULL);
    struct harness_op mine = {0}, theirs = {0};
    hark_nop(loop, &mine.op, harness_done);
    harness_run(loop);
    hark_nop(other, &theirs.op, harness_done);
    assert_result(run_elsewhere(other), 0);
    harness_loop_destroy(other);
    harness_op_again(&mine);
    hark_nop(loop, &mine.op, harness_done);
    harness_run(loop);
    assert_result(mine.result, 0);
}
