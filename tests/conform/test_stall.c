/* test_stall.c - callbacks that hold the loop, and who is told of them. */
#include "harness/harness.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#if __has_include(<execinfo.h>)
enum { STACKS_ARE_TOLD = true };
#else
enum { STACKS_ARE_TOLD = false };
#endif
enum { LIMIT_NS = 5000000, NEVER_REACHED_S = 1000, STUCK_BYTES = 1024 };

/* What was reported. */
struct reports {
    _Atomic int running, over;
    struct hark_stall first;
    uintptr_t frames[64];
    struct hark_stall last_over;
};

static void note(void *context, const struct hark_stall *stall)
{
    struct reports *reports = context;
    if (stall->over) {
        reports->last_over = *stall;
        reports->over++;
        return;
    }
    if (reports->running == 0) {
        reports->first = *stall;
        for (int i = 0; i < stall->frame_count && i < 64; i++)
            reports->frames[i] = (uintptr_t)stall->frames[i];
    }
    reports->running++;
}

static void watch(struct hark_loop *loop, struct reports *reports, uint64_t limit_ns)
{
    struct hark_stall_options options = {.limit_ns = limit_ns, .report = note, .context = reports};
    assert_result(hark_stall_watch(loop, &options), 0);
}

/* Runs until it has been told of. */
__attribute__((noinline)) static void stuck(struct harness_op *self, int64_t result)
{
    struct reports *reports = self->context;
    (void)result;
    while (atomic_load(&reports->running) == 0)
        ;
}

static bool is_in_stuck(uintptr_t frame)
{
    return frame > (uintptr_t)stuck && frame < (uintptr_t)stuck + STUCK_BYTES;
}

BACKEND_TEST(a_callback_that_holds_the_loop_is_told_of_while_it_runs_with_its_stack)
{
    struct reports reports = {0};
    struct harness_op op = {.then = stuck, .context = &reports};
    bool found = false;
    watch(loop, &reports, LIMIT_NS);
    hark_defer(loop, &op.op, harness_done);
    uint64_t id = hark_op_id(&op.op);
    harness_run(loop);
    assert_int_equal(reports.running, 1);
    assert_int_equal(reports.first.op, id);
    assert_int_equal(reports.first.kind, HARK_OP_DEFER);
    assert_ptr_equal(reports.first.loop, loop);
    assert_true(reports.first.held_ns >= LIMIT_NS);
    assert_true(reports.first.frame_count > 0 || !STACKS_ARE_TOLD);
    for (int i = 0; i < reports.first.frame_count && i < 64; i++)
        found |= is_in_stuck(reports.frames[i]);
    assert_true(found || !STACKS_ARE_TOLD);
    assert_int_equal(reports.over, 1);
    assert_int_equal(reports.last_over.op, id);
    assert_true(reports.last_over.held_ns >= reports.first.held_ns);
    hark_stall_unwatch(loop);
}

BACKEND_TEST(each_callback_that_is_too_long_is_told_of)
{
    watch(loop, &(struct reports){0}, LIMIT_NS);
    hark_stall_unwatch(loop);
    for (int round = 0; round < 3; round++) {
        struct reports reports = {0};
        struct harness_op op = {.then = stuck, .context = &reports};
        watch(loop, &reports, LIMIT_NS);
        hark_sleep(loop, &op.op, LIMIT_NS, harness_done);
        harness_run(loop);
        assert_int_equal(reports.running, 1);
        assert_int_equal(reports.first.kind, HARK_OP_SLEEP);
        hark_stall_unwatch(loop);
    }
}

BACKEND_TEST(callbacks_below_the_limit_are_not_told_of)
{
    struct reports reports = {0};
    struct harness_op op = {0};
    watch(loop, &reports, NEVER_REACHED_S * UINT64_C(1000000000));
    for (int i = 0; i < 1000; i++) {
        harness_op_again(&op);
        hark_nop(loop, &op.op, harness_done);
        harness_run(loop);
    }
    assert_int_equal(reports.running + reports.over, 0);
    hark_stall_unwatch(loop);
}

BACKEND_TEST(while_the_loop_sleeps_so_does_who_watches_it)
{
    struct reports reports = {0};
    struct harness_op op = {0}, held = {0};
    watch(loop, &reports, LIMIT_NS);
    hark_nop(loop, &op.op, harness_done);
    hark_sleep_until(loop, &held.op, HARK_NEVER, harness_done);
    harness_wait(loop, &op);
    harness_assert_sleeps(loop, 1);
    hark_cancel(&held.op);
    harness_run(loop);
    hark_stall_unwatch(loop);
}

BACKEND_TEST(it_is_recorded_and_watched_at_one_time_in_any_order)
{
    struct reports reports = {0};
    struct harness_op op = {0};
    watch(loop, &reports, NEVER_REACHED_S * UINT64_C(1000000000));
    assert_result(hark_trace_start(loop, NULL), 0);
    hark_nop(loop, &op.op, harness_done);
    harness_run(loop);
    assert_true(hark_loop_trace(loop)->written > 0);
    hark_stall_unwatch(loop);
    assert_non_null(hark_loop_trace(loop));
    watch(loop, &reports, LIMIT_NS);
    hark_trace_stop(loop);
    assert_null(hark_loop_trace(loop));
    hark_stall_unwatch(loop);
    hark_stall_unwatch(loop);
}

BACKEND_TEST(a_loop_that_is_watched_can_be_destroyed)
{
    struct hark_loop *other = harness_loop_create(NULL);
    assert_result(hark_stall_watch(other, NULL), 0);
    harness_loop_destroy(other);
}

/* --- the signal --- */

static _Atomic int own_calls;

static void own_handler(int number)
{
    (void)number;
    own_calls++;
}

BACKEND_TEST(the_programs_own_handler_is_called_meanwhile_and_restored_after)
{
    struct sigaction own = {.sa_handler = own_handler}, found;
    struct reports reports = {0};
    struct harness_op op = {.then = stuck, .context = &reports};
    own_calls = 0;
    assert_int_equal(sigaction(SIGURG, &own, NULL), 0);
    watch(loop, &reports, LIMIT_NS);
    assert_int_equal(raise(SIGURG), 0);
    assert_int_equal(own_calls, 1);
    hark_defer(loop, &op.op, harness_done);
    harness_run(loop);
    assert_true(reports.first.frame_count > 0 || !STACKS_ARE_TOLD);
    assert_int_equal(own_calls, 1); /* the one that asked for the stack was not the program's */
    hark_stall_unwatch(loop);
    assert_int_equal(sigaction(SIGURG, NULL, &found), 0);
    assert_ptr_equal(found.sa_handler, own_handler);
}

BACKEND_TEST(what_cannot_be_watched_is_refused)
{
    struct hark_loop *other = harness_loop_create(NULL);
    assert_result(hark_stall_watch(loop, &(struct hark_stall_options){.limit_ns = 999999}),
                  -EINVAL);
    assert_result(hark_stall_watch(loop, &(struct hark_stall_options){.signal = SIGKILL}), -EINVAL);
    assert_result(hark_stall_watch(loop, &(struct hark_stall_options){.signal = SIGUSR2}), 0);
    assert_result(hark_stall_watch(loop, NULL), -EALREADY);
    assert_result(hark_stall_watch(other, NULL), -EINVAL); /* another signal is in use */
    assert_result(hark_stall_watch(other, &(struct hark_stall_options){.signal = SIGUSR2}), 0);
    hark_stall_unwatch(loop);
    hark_stall_unwatch(other);
    assert_result(hark_stall_watch(other, NULL), 0);
    hark_stall_unwatch(other);
    harness_loop_destroy(other);
}
