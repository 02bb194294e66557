/* test_ends.c - how every op that waits is ended: by cancel, by its deadline, by closing its
 * descriptor, by cancelling all. Promises 3 (one final call), 4 (ownership), 6 (cancel), 7
 * (deadlines), 8 (close). */
#include "harness/pending.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Asserts that the op has had one final call with this result, and none before it. */
static void assert_only_call(const struct pending *pending, int64_t result)
{
    assert_int_equal(pending->recorder.calls, 1);
    assert_true(pending->recorder.ended);
    assert_result(pending->recorder.result, result);
}

BACKEND_TEST(promise_06_cancel_in_flight_gives_one_ecanceled)
{
    FOR_EACH_PENDING(kind)
    {
        struct pending pending = {0};
        pending_start(loop, &pending, kind);
        harness_settle(loop);
        assert_true(hark_op_active(&pending.recorder.op));
        hark_cancel(&pending.recorder.op);
        assert_int_equal(pending.recorder.calls, 0); /* promise 5: not from inside */
        harness_run(loop);
        assert_only_call(&pending, -ECANCELED);
        pending_release(loop, &pending);
    }
}

BACKEND_TEST(promise_06_cancel_before_the_first_turn_gives_one_ecanceled)
{
    FOR_EACH_PENDING(kind)
    {
        struct pending pending = {0};
        pending_start(loop, &pending, kind);
        hark_cancel(&pending.recorder.op);
        assert_int_equal(pending.recorder.calls, 0);
        harness_run(loop);
        assert_only_call(&pending, -ECANCELED);
        pending_release(loop, &pending);
    }
}

BACKEND_TEST(promise_06_cancel_twice_gives_one_final_call)
{
    FOR_EACH_PENDING(kind)
    {
        struct pending pending = {0};
        pending_start(loop, &pending, kind);
        harness_settle(loop);
        hark_cancel(&pending.recorder.op);
        hark_cancel(&pending.recorder.op);
        harness_run(loop);
        hark_cancel(&pending.recorder.op);
        harness_turns(loop, 3);
        assert_only_call(&pending, -ECANCELED);
        pending_release(loop, &pending);
    }
}

BACKEND_TEST(promise_07_deadline_in_flight_gives_etimedout)
{
    FOR_EACH_PENDING(kind)
    {
        struct pending pending = {0};
        pending_start(loop, &pending, kind);
        harness_settle(loop);
        uint64_t deadline = hark_os_clock(loop) + 1000000;
        hark_op_deadline(&pending.recorder.op, deadline);
        harness_run(loop);
        assert_only_call(&pending, -ETIMEDOUT);
        assert_true(hark_os_clock(loop) >= deadline);
        pending_release(loop, &pending);
    }
}

BACKEND_TEST(promise_07_deadline_that_has_passed_gives_etimedout)
{
    FOR_EACH_PENDING(kind)
    {
        struct pending pending = {0};
        pending_start(loop, &pending, kind);
        hark_op_deadline(&pending.recorder.op, 0);
        assert_int_equal(pending.recorder.calls, 0);
        harness_run(loop);
        assert_only_call(&pending, -ETIMEDOUT);
        pending_release(loop, &pending);
    }
}

BACKEND_TEST(promise_07_deadline_taken_away_never_comes)
{
    FOR_EACH_PENDING(kind)
    {
        struct pending pending = {0};
        struct harness_op later = {0};
        pending_start(loop, &pending, kind);
        hark_op_deadline(&pending.recorder.op, hark_os_clock(loop) + 1000000);
        harness_settle(loop);
        hark_op_deadline(&pending.recorder.op, HARK_NEVER);
        hark_sleep(loop, &later.op, 3000000, harness_done);
        assert_result(harness_wait(loop, &later), 0);
        bool early = pending.recorder.ended; /* the turn that settled may have come too late */
        hark_cancel(&pending.recorder.op);
        harness_run(loop);
        assert_only_call(&pending, early ? -ETIMEDOUT : -ECANCELED);
        pending_release(loop, &pending);
    }
}

BACKEND_TEST(promise_08_close_ends_ops_before_it_calls_back)
{
    FOR_EACH_PENDING(kind)
    {
        if (!pending_on_descriptor(kind))
            continue;
        struct pending pending = {0};
        struct harness_op closing = {0};
        pending_start(loop, &pending, kind);
        harness_settle(loop);
        hark_close(loop, &closing.op, pending.fd, harness_done);
        assert_int_equal(pending.recorder.calls, 0);
        harness_run(loop);
        assert_only_call(&pending, -ECANCELED);
        assert_result(closing.result, 0);
        assert_int_equal(closing.calls, 1);
        assert_true(pending.recorder.order < closing.order);
        pending.fd = -1;
        pending_release(loop, &pending);
    }
}

BACKEND_TEST(promise_08_close_in_the_turn_of_the_start_ends_the_op_first)
{
    FOR_EACH_PENDING(kind)
    {
        if (!pending_on_descriptor(kind))
            continue;
        struct pending pending = {0};
        struct harness_op closing = {0};
        pending_start(loop, &pending, kind);
        hark_close(loop, &closing.op, pending.fd, harness_done);
        harness_run(loop);
        assert_only_call(&pending, -ECANCELED);
        assert_result(closing.result, 0);
        assert_true(pending.recorder.order < closing.order);
        pending.fd = -1;
        pending_release(loop, &pending);
    }
}

BACKEND_TEST(promise_03_cancel_all_ends_every_kind_with_one_call)
{
    static struct pending all[PENDING_KINDS];
    FOR_EACH_PENDING(kind)
    {
        pending_start(loop, &all[kind], kind);
    }
    harness_settle(loop);
    assert_int_equal(hark_loop_active(loop), PENDING_KINDS);
    assert_result(hark_loop_destroy(loop), -EBUSY);
    hark_cancel_all(loop);
    harness_run(loop);
    FOR_EACH_PENDING(kind)
    {
        assert_only_call(&all[kind], -ECANCELED);
        pending_release(loop, &all[kind]);
    }
}

BACKEND_TEST(promise_04_memory_is_untouched_after_the_final_call)
{
    FOR_EACH_PENDING(kind)
    {
        if (!pending_completable(kind) || kind == PENDING_SIGNAL_EACH)
            continue;
        struct pending *pending = calloc(1, sizeof *pending);
        assert_non_null(pending);
        pending_start(loop, pending, kind);
        harness_settle(loop);
        hark_cancel(&pending->recorder.op);
        harness_wait(loop, &pending->recorder);
        struct pending kept = *pending;
        memset(&pending->recorder, 0xa5, sizeof pending->recorder);
        memset(pending->bytes, 0x5a, sizeof pending->bytes);
        memset(&pending->message, 0xa5, sizeof pending->message);
        memset(&pending->vector, 0xa5, sizeof pending->vector);
        struct pending poisoned = *pending;
        pending_complete(&kept); /* what it waited for comes now, when the op is nobody's */
        harness_turns(loop, 5);
        assert_memory_equal(&poisoned, pending, sizeof poisoned);
        free(pending);
        pending_release(loop, &kept);
    }
}

BACKEND_TEST(promise_04_op_restarted_inside_its_final_call_runs_again)
{
    FOR_EACH_PENDING(kind)
    {
        struct pending pending = {0};
        pending_start(loop, &pending, kind);
        harness_settle(loop);
        hark_cancel(&pending.recorder.op);
        harness_run(loop);
        struct harness_op *recorder = &pending.recorder;
        harness_op_again(recorder);
        hark_sleep(loop, &recorder->op, 0, harness_done); /* the same op as another kind */
        harness_run(loop);
        assert_only_call(&pending, 0);
        pending_release(loop, &pending);
    }
}

BACKEND_TEST(promise_06_cancel_of_an_op_whose_deadline_has_passed_gives_ecanceled)
{
    FOR_EACH_PENDING(kind)
    {
        struct pending pending = {0};
        pending_start(loop, &pending, kind);
        harness_settle(loop);
        hark_op_deadline(&pending.recorder.op, 1);
        hark_cancel(&pending.recorder.op);
        harness_run(loop);
        assert_only_call(&pending, -ECANCELED);
        pending_release(loop, &pending);
    }
}

BACKEND_TEST(promise_06_cancelled_defer_and_post_give_one_ecanceled)
{
    struct harness_op deferred = {0};
    struct harness_op post = {0};
    hark_defer(loop, &deferred.op, harness_done);
    hark_post(loop, &post.op, harness_done);
    hark_cancel(&deferred.op);
    hark_cancel(&post.op);
    harness_run(loop);
    assert_int_equal(deferred.calls, 1);
    assert_result(deferred.result, -ECANCELED);
    assert_int_equal(post.calls, 1);
    assert_result(post.result, -ECANCELED);
}

static void cancel_the_other(struct harness_op *self, int64_t result)
{
    if (result < 0)
        return;
    hark_cancel(self->context);
    hark_cancel(&self->op);
}

BACKEND_TEST(promise_06_cancelled_every_that_is_due_is_not_called_for_its_time)
{
    struct harness_op second = {0};
    struct harness_op first = {.then = cancel_the_other, .context = &second.op};
    hark_every(loop, &first.op, 1, harness_done);
    hark_every(loop, &second.op, 1, harness_done);
    harness_run(loop);
    assert_int_equal(second.calls, 1);
    assert_result(second.result, -ECANCELED);
}
