/* test_signal.c - signals as events. Promise 14: no handler that was not asked for, and none left
 * behind. */
#include "harness/harness.h"
#include "harness/world.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static void handler_of_program(int number)
{
    (void)number;
}

static void cancel_after_three(struct harness_op *self, int64_t result)
{
    if (result < 0)
        return;
    assert_true(hark_op_more(&self->op));
    if (self->calls < 3)
        raise((int)result);
    else
        hark_cancel(&self->op);
}

BACKEND_TEST(signal_is_told_each_time_until_cancelled)
{
    struct harness_op op = {.then = cancel_after_three};
    hark_signal_each(loop, &op.op, SIGUSR1, harness_done);
    harness_settle(loop);
    raise(SIGUSR1);
    harness_run(loop);
    assert_int_equal(op.calls, 4);
    for (int call = 0; call < 3; call++)
        assert_result(op.results[call], SIGUSR1);
    assert_result(op.result, -ECANCELED);
}

BACKEND_TEST(signal_wakes_a_sleeping_loop)
{
    struct harness_op op = {0};
    hark_signal_each(loop, &op.op, SIGALRM, harness_done);
    ualarm(10000, 0);
    while (op.calls == 0)
        assert_result(hark_run_once(loop), 1);
    assert_result(op.result, SIGALRM);
    hark_cancel(&op.op);
    harness_run(loop);
    alarm(30); /* the harness's own, which this has replaced */
}

static void *raise_once_it_sleeps(void *context)
{
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, SIGUSR1);
    pthread_sigmask(SIG_UNBLOCK, &only, NULL);
    harness_await_sleep(*(const int *)context);
    raise(SIGUSR1);
    return NULL;
}

/* The wait of the loop's own thread is not interrupted. */
BACKEND_TEST(signal_handled_on_another_thread_wakes_a_sleeping_loop)
{
    struct harness_op op = {0};
    int sleeper = gettid();
    pthread_t thread;
    sigset_t only;
    hark_signal_each(loop, &op.op, SIGUSR1, harness_done);
    harness_settle(loop);
    sigemptyset(&only);
    sigaddset(&only, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &only, NULL);
    assert_int_equal(pthread_create(&thread, NULL, raise_once_it_sleeps, &sleeper), 0);
    while (op.calls == 0)
        assert_result(hark_run_once(loop), 1);
    pthread_join(thread, NULL);
    assert_result(op.result, SIGUSR1);
    hark_cancel(&op.op);
    harness_run(loop);
}

BACKEND_TEST(signals_of_the_lowest_and_the_highest_number_are_told)
{
    static const int numbers[] = {1, 64};
    for (int index = 0; index < 2; index++) {
        struct harness_op op = {0};
        hark_signal_each(loop, &op.op, numbers[index], harness_done);
        assert_true(hark_op_active(&op.op));
        harness_settle(loop);
        assert_int_equal(op.calls, 0);
        raise(numbers[index]);
        while (op.calls == 0)
            assert_result(hark_run_once(loop), 1);
        assert_result(op.result, numbers[index]);
        hark_cancel(&op.op);
        harness_run(loop);
    }
}

BACKEND_TEST(signal_told_to_every_op_that_asks)
{
    struct harness_op ops[3] = {0};
    for (int index = 0; index < 3; index++)
        hark_signal_each(loop, &ops[index].op, SIGUSR2, harness_done);
    harness_settle(loop);
    raise(SIGUSR2);
    while (ops[0].calls + ops[1].calls + ops[2].calls < 3)
        assert_result(hark_run_once(loop), 1);
    hark_cancel(&ops[1].op);
    assert_result(harness_wait(loop, &ops[1]), -ECANCELED);
    raise(SIGUSR2); /* the handler stays for the others */
    while (ops[0].calls + ops[2].calls < 4)
        assert_result(hark_run_once(loop), 1);
    assert_int_equal(ops[1].calls, 2);
    hark_cancel_all(loop);
    harness_run(loop);
}

BACKEND_TEST(signal_told_to_several_loops)
{
    struct hark_loop *other = harness_loop_create(NULL);
    struct harness_op one = {0};
    struct harness_op two = {0};
    hark_signal_each(loop, &one.op, SIGUSR1, harness_done);
    hark_signal_each(other, &two.op, SIGUSR1, harness_done);
    harness_settle(loop);
    harness_settle(other);
    raise(SIGUSR1);
    while (one.calls == 0)
        assert_result(hark_run_once(loop), 1);
    while (two.calls == 0)
        assert_result(hark_run_once(other), 1);
    hark_cancel(&one.op);
    harness_run(loop);
    raise(SIGUSR1);
    while (two.calls < 2)
        assert_result(hark_run_once(other), 1);
    hark_cancel(&two.op);
    harness_run(other);
    harness_loop_destroy(other);
}

BACKEND_TEST(promise_14_disposition_is_restored_after_the_last)
{
    struct sigaction own = {.sa_handler = handler_of_program};
    struct sigaction seen;
    struct harness_op ops[2] = {0};
    sigemptyset(&own.sa_mask);
    assert_int_equal(sigaction(SIGUSR1, &own, NULL), 0);
    for (int round = 0; round < 3; round++) {
        for (int index = 0; index < 2; index++) {
            harness_op_again(&ops[index]);
            hark_signal_each(loop, &ops[index].op, SIGUSR1, harness_done);
        }
        harness_settle(loop);
        assert_int_equal(sigaction(SIGUSR1, NULL, &seen), 0);
        assert_true(seen.sa_handler != handler_of_program);
        assert_true(seen.sa_flags & SA_RESTART);
        hark_cancel(&ops[0].op);
        harness_wait(loop, &ops[0]);
        assert_int_equal(sigaction(SIGUSR1, NULL, &seen), 0);
        assert_true(seen.sa_handler != handler_of_program);
        hark_cancel(&ops[1].op);
        harness_run(loop);
        assert_int_equal(sigaction(SIGUSR1, NULL, &seen), 0);
        assert_true(seen.sa_handler == handler_of_program);
    }
}

/* As the program was given them: a shell may have had some ignored. */
static struct sigaction inherited[32];

__attribute__((constructor)) static void remember_dispositions(void)
{
    for (int number = 1; number < 32; number++)
        sigaction(number, NULL, &inherited[number]);
}

BACKEND_TEST(promise_14_no_disposition_is_changed_unasked)
{
    struct sigaction seen;
    struct harness_op nop = {0};
    char byte[1];
    hark_nop(loop, &nop.op, harness_done);
    harness_run(loop);
    harness_op_again(&nop);
    hark_send(loop, &nop.op, -1, byte, 0, 0, harness_done);
    harness_run(loop);
    for (int number = 1; number < 32; number++)
        if (number != SIGKILL && number != SIGSTOP && sigaction(number, NULL, &seen) == 0)
            assert_true(seen.sa_handler ==
                        (harness_in_world() ? SIG_DFL : inherited[number].sa_handler));
}

BACKEND_TEST(signal_that_cannot_be_caught_gives_einval)
{
    static const int numbers[] = {SIGKILL, SIGSTOP, 0, -1, 65, 1000};
    for (int index = 0; index < 6; index++) {
        struct harness_op op = {0};
        hark_signal_each(loop, &op.op, numbers[index], harness_done);
        harness_run(loop);
        assert_int_equal(op.calls, 1);
        assert_result(op.result, -EINVAL);
    }
}

BACKEND_TEST(signal_asked_for_by_too_many_loops_gives_emfile)
{
    enum { LOOPS = 65 };
    static struct hark_loop *loops[LOOPS];
    static struct harness_op ops[LOOPS];
    int refused = 0;
    for (int index = 0; index < LOOPS; index++) {
        struct hark_options small = {.entries = 8, .buffer_count = 1, .buffer_bytes = 64};
        loops[index] = harness_loop_create(&small);
        hark_signal_each(loops[index], &ops[index].op, SIGUSR1, harness_done);
        harness_settle(loops[index]);
        if (ops[index].ended) {
            assert_result(ops[index].result, -EMFILE);
            assert_int_equal(index, 64);
            refused++;
        }
    }
    assert_int_equal(refused, 1);
    for (int index = 0; index < LOOPS; index++) {
        hark_cancel_all(loops[index]);
        harness_run(loops[index]);
        harness_loop_destroy(loops[index]);
    }
}

BACKEND_TEST(loops_that_come_one_after_the_other_may_all_ask_for_signals)
{
    for (int count = 0; count < 70; count++) {
        struct hark_options small = {.entries = 8, .buffer_count = 1, .buffer_bytes = 64};
        struct hark_loop *other = harness_loop_create(&small);
        struct harness_op op = {0};
        hark_signal_each(other, &op.op, SIGUSR1, harness_done);
        harness_settle(other);
        assert_int_equal(op.calls, 0);
        hark_cancel(&op.op);
        harness_run(other);
        harness_loop_destroy(other);
    }
}

BACKEND_TEST(storm_of_signals_is_merged_and_none_is_lost)
{
    struct harness_op op = {0};
    hark_signal_each(loop, &op.op, SIGUSR1, harness_done);
    harness_settle(loop);
    for (int index = 0; index < 10000; index++)
        raise(SIGUSR1);
    harness_settle(loop);
    assert_true(op.calls >= 1);
    int calls = op.calls;
    raise(SIGUSR1);
    while (op.calls == calls)
        assert_result(hark_run_once(loop), 1);
    hark_cancel(&op.op);
    harness_run(loop);
}
