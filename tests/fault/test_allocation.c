/* test_allocation.c - the nth allocation fails, n = 1, 2, ... until a run in which none did; once
 * each, and then for ever. mmap counts as well: rings and pools come from it. */
#include "fault/faults.h"
#include "fault/memory.h"
#include "harness/scenario.h"

static unsigned long number; /* of the allocation that fails */
static bool for_ever;
static int no_mapping; /* the fault of mmap */

static void arm(void)
{
    no_mapping = FAULT(.calls = "kernel_mmap", .error = -ENOMEM, .chooses = memory_refuses);
    memory_begin(number, for_ever);
}

static void disarm(void)
{
    memory_end();
    fault_end(no_mapping);
}

static const struct scenario_faults faults = {.arm = arm, .disarm = disarm, .patience = 40};

/* Runs the scenario with each allocation failing in turn. */
static void fail_each(bool ever)
{
    enum { ENOUGH = 5000 };
    assert_true(scenario_undisturbed() > 200);
    number = 0;
    assert_true(scenario_run(&faults) > 200);
    assert_true(memory_asked() > 10); /* it does see the library's */
    long alive_before = memory_alive();
    for_ever = ever;
    for (number = 1; number < ENOUGH; number++) {
        scenario_run(&faults);
        if (memory_refused() == 0)
            break;
        long left = memory_alive() - alive_before;
        if (left > 0)
            fail_msg("%ld allocations are left after the failure of number %lu", left, number);
    }
    assert_true(number > 10 && number < ENOUGH);
}

BACKEND_TEST(each_allocation_fails_once_and_nothing_is_lost)
{
    fail_each(false);
}

BACKEND_TEST(each_allocation_fails_for_ever_and_nothing_is_lost)
{
    fail_each(true);
}

BACKEND_TEST(promise_07_deadline_that_there_is_no_memory_for_ends_its_op_with_enomem)
{
    int ends[2];
    char byte[1];
    struct harness_op receive = {0};
    harness_socket_pair(loop, ends);
    hark_recv(loop, &receive.op, ends[0], byte, 1, 0, harness_done);
    harness_settle(loop);
    for_ever = true;
    number = 1;
    arm();
    hark_op_deadline(&receive.op, HARK_NEVER - 1);
    disarm();
    assert_true(memory_refused() > 0);
    harness_run(loop);
    assert_result(receive.result, -ENOMEM);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}
