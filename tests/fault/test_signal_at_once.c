/* test_signal_at_once.c - a signal that arrives in the very moment in which it begins, or ceases,
 * to be asked for: it goes to the op or to the disposition that the program had before; it is not
 * swallowed in between. */
#include "fault/faults.h"

static volatile sig_atomic_t armed;
static volatile sig_atomic_t arrivals; /* at the program's own handler */

/* The signal arrives as soon as the disposition has changed. */
int kernel_sigaction(int number, const struct sigaction *action, struct sigaction *out_former)
{
    int error = sigaction(number, action, out_former) < 0 ? -errno : 0;
    if (armed && number == SIGUSR1)
        raise(SIGUSR1);
    return error;
}

static void count_it(int number)
{
    (void)number;
    arrivals = arrivals + 1;
}

BACKEND_TEST(signal_that_arrives_as_soon_as_it_is_caught_is_told)
{
    struct harness_op op = {0};
    hark_signal_each(loop, &op.op, SIGUSR2,
                     harness_done); /* another one: the loop has its slot already */
    struct harness_op first = {0};
    armed = 1;
    hark_signal_each(loop, &first.op, SIGUSR1, harness_done);
    armed = 0;
    while (first.calls < 1)
        assert_result(hark_run_once(loop), 1);
    assert_result(first.result, SIGUSR1);
    hark_cancel_all(loop);
    harness_run(loop);
    assert_int_equal(op.calls, 1);
}

BACKEND_TEST(signal_that_arrives_as_soon_as_it_is_caught_is_told_to_a_loop_that_asks_for_its_first)
{
    struct harness_op op = {0};
    armed = 1;
    hark_signal_each(loop, &op.op, SIGUSR1, harness_done);
    armed = 0;
    while (op.calls < 1)
        assert_result(hark_run_once(loop), 1);
    assert_result(op.result, SIGUSR1);
    hark_cancel(&op.op);
    harness_run(loop);
}

BACKEND_TEST(signal_that_arrives_as_soon_as_it_is_let_go_meets_the_former_disposition)
{
    struct sigaction own = {.sa_handler = count_it};
    struct harness_op op = {0};
    assert_int_equal(sigaction(SIGUSR1, &own, NULL), 0);
    hark_signal_each(loop, &op.op, SIGUSR1, harness_done);
    harness_settle(loop);
    armed = 1;
    hark_cancel(&op.op);
    harness_run(loop);
    armed = 0;
    assert_result(op.result, -ECANCELED);
    assert_int_equal(op.calls, 1);
    assert_int_equal(arrivals, 1);
}
