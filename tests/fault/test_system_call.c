/* test_system_call.c - the nth call of the kernel fails, n = 1, 2, ... until a run in which none
 * did; once each, and then for ever; and it is interrupted by a signal. */
#include "fault/faults.h"
#include "harness/scenario.h"

#include <limits.h>

static struct fault fault; /* of the runs */
static int number;         /* its number in the last run */

static void arm(void)
{
    number = fault_begin(&fault);
}

static void disarm(void)
{
    fault_end(number);
}

/* Runs the scenario with each call failing in turn. A signal's interruption must not be seen at
 * all. */
static void fail_each(int error, bool ever)
{
    enum { ENOUGH = 5000 };
    const struct scenario_faults faults = {.arm = arm,
                                           .disarm = disarm,
                                           .recover = disarm,
                                           .patience = error == -EINTR ? INT_MAX : 40};
    int good = scenario_undisturbed();
    assert_true(good > 200);
    fault = (struct fault){.error = error, .times = ever ? FAULT_FOR_EVER : 1};
    for (; fault.after < ENOUGH; fault.after++) {
        int now = scenario_run(&faults);
        if (error == -EINTR && now != good)
            fail_msg("call %u, %s, was interrupted: %d ops ended well, %d do without",
                     (unsigned)fault.after, fault_met_first(number), now, good);
        if (fault_met(number) == 0)
            break;
    }
    assert_true(fault.after > 10 && fault.after < ENOUGH);
}

BACKEND_TEST(each_system_call_fails_once_and_nothing_is_lost)
{
    fail_each(-ENOMEM, false);
}

BACKEND_TEST(each_system_call_fails_for_ever_and_nothing_is_lost)
{
    fail_each(-ENOMEM, true);
}

BACKEND_TEST(promise_14_each_system_call_interrupted_once_is_not_noticed)
{
    fail_each(-EINTR, false);
}

BACKEND_TEST(connection_that_was_gone_before_it_was_accepted_is_passed_over)
{
    if (harness_backend() == HARK_BACKEND_URING)
        return; /* the kernel makes the call itself */
    for (int each = 0; each < 2; each++) {
        struct hark_address address;
        struct harness_op accepting = {0};
        int listener = harness_listen(loop, &address);
        int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_true(connect(client, &address.name.any, address.length) == 0 ||
                    errno == EINPROGRESS);
        int aborted = FAULT(.calls = "kernel_accept4", .error = -ECONNABORTED);
        if (each)
            hark_accept_each(loop, &accepting.op, listener, harness_done);
        else
            hark_accept(loop, &accepting.op, listener, NULL, NULL, harness_done);
        while (accepting.calls == 0)
            assert_true(hark_run_once(loop) >= 0);
        fault_end(aborted);
        assert_int_equal(fault_met(aborted), 1);
        assert_true(accepting.results[0] >= 0);
        harness_close(loop, (int)accepting.results[0]);
        harness_close(loop, client);
        harness_close(loop, listener);
        harness_run(loop);
    }
}
