/* test_sigpipe.c - promise 14: a write that is in flight raises no SIGPIPE, in whichever run the
 * reader closes, however the run before has ended; and once none is in flight the signal is the
 * program's again. A signal that was raised ends the test's process. */
#include "harness/harness.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

static bool sigpipe_is_blocked(void)
{
    sigset_t blocked;
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &blocked), 0);
    return sigismember(&blocked, SIGPIPE) == 1;
}

static bool sigpipe_is_pending(void)
{
    sigset_t pending;
    assert_int_equal(sigpending(&pending), 0);
    return sigismember(&pending, SIGPIPE) == 1;
}

static void stop_loop(struct harness_op *self, int64_t result)
{
    assert_result(result, 0);
    hark_stop(self->op.loop);
}

enum leaving { BY_RUN_READY, BY_RUN_ONCE, BY_STOP, LEAVINGS };

/* One run that returns while the write waits. */
static void run_and_leave(struct hark_loop *loop, enum leaving leaving)
{
    struct harness_op nop = {.then = leaving == BY_STOP ? stop_loop : NULL};
    if (leaving == BY_RUN_READY) {
        assert_true(hark_run_ready(loop) >= 0);
        return;
    }
    hark_defer(loop, &nop.op, harness_done);
    assert_true((leaving == BY_STOP ? hark_run(loop) : hark_run_once(loop)) >= 0);
    while (!nop.ended)
        assert_true(hark_run_ready(loop) >= 0);
}

static void start_write(struct hark_loop *loop, struct harness_op *op, int fd, bool vectored)
{
    static char byte[1] = "x";
    static struct iovec vector = {.iov_base = byte, .iov_len = 1};
    if (vectored)
        hark_writev(loop, &op->op, fd, &vector, 1, HARK_AT_POSITION, harness_done);
    else
        hark_write(loop, &op->op, fd, byte, 1, HARK_AT_POSITION, harness_done);
}

BACKEND_TEST(promise_14_write_that_outlives_its_run_raises_no_signal)
{
    for (int leaving = 0; leaving < LEAVINGS; leaving++) {
        for (int kind = 0; kind < 4; kind++) {
            int ends[2];
            struct harness_op op = {0};
            if (kind < 2)
                harness_pipe(ends, 0);
            else
                harness_socket_pair(loop, ends);
            harness_stuff(ends[1]);
            start_write(loop, &op, ends[1], kind % 2 != 0);
            run_and_leave(loop, (enum leaving)leaving);
            run_and_leave(loop, (enum leaving)leaving);
            assert_int_equal(op.calls, 0);
            close(ends[0]); /* between two runs */
            assert_result(harness_wait(loop, &op), -EPIPE);
            harness_run(loop);
            assert_false(sigpipe_is_pending());
            assert_false(sigpipe_is_blocked());
            harness_close(loop, ends[1]);
        }
    }
}

BACKEND_TEST(promise_14_each_of_several_writes_that_outlive_their_run_raises_no_signal)
{
    int ends[4];
    struct harness_op ops[2] = {0};
    for (int index = 0; index < 2; index++) {
        harness_pipe(&ends[2 * index], 0);
        harness_stuff(ends[2 * index + 1]);
        start_write(loop, &ops[index], ends[2 * index + 1], index == 1);
    }
    harness_settle(loop);
    for (int index = 0; index < 2; index++) { /* one ends; the other goes on waiting unharmed */
        close(ends[2 * index]);
        assert_result(harness_wait(loop, &ops[index]), -EPIPE);
        harness_turns(loop, 2);
    }
    harness_run(loop);
    assert_false(sigpipe_is_blocked());
    harness_close(loop, ends[1]);
    harness_close(loop, ends[3]);
}

BACKEND_TEST(promise_14_sigpipe_is_the_programs_again_once_the_write_was_cancelled)
{
    int ends[2];
    struct harness_op op = {0};
    harness_pipe(ends, 0);
    harness_stuff(ends[1]);
    start_write(loop, &op, ends[1], false);
    harness_settle(loop);
    hark_cancel(&op.op);
    harness_run(loop);
    assert_result(op.result, -ECANCELED);
    assert_false(sigpipe_is_blocked());
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(promise_14_sigpipe_that_the_program_has_blocked_stays_blocked)
{
    int ends[2];
    sigset_t set;
    struct harness_op op = {0};
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
    harness_pipe(ends, 0);
    harness_stuff(ends[1]);
    start_write(loop, &op, ends[1], false);
    harness_settle(loop);
    close(ends[0]);
    harness_run(loop);
    assert_result(op.result, -EPIPE);
    assert_true(sigpipe_is_blocked());
    harness_close(loop, ends[1]);
}
