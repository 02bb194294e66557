/* test_lifecycle.c - an op from its start to its final call, and the running of the loop.
 * Promises 1 (one object, no allocation), 2, 3, 4, 5 (no nesting). */
#include "harness/harness.h"
#include "harness/lacking.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

BACKEND_TEST(nop_gives_zero_from_hark_run_alone)
{
    struct harness_op nop = {0};
    hark_nop(loop, &nop.op, harness_done);
    assert_int_equal(nop.calls, 0);
    assert_true(hark_op_active(&nop.op));
    assert_int_equal(hark_loop_active(loop), 1);
    harness_run(loop);
    assert_int_equal(nop.calls, 1);
    assert_result(nop.result, 0);
    assert_false(hark_op_active(&nop.op));
}

BACKEND_TEST(zeroed_op_is_not_active_and_cancel_and_deadline_do_nothing)
{
    struct hark_op op;
    struct hark_op zero;
    memset(&op, 0, sizeof op);
    memset(&zero, 0, sizeof zero);
    assert_false(hark_op_active(&op));
    hark_cancel(NULL);
    hark_cancel(&op);
    hark_op_deadline(&op, 0);
    hark_op_deadline(&op, HARK_NEVER);
    assert_memory_equal(&op, &zero, sizeof op);
    harness_run(loop);
}

BACKEND_TEST(op_carries_its_loop_and_an_id_of_its_own)
{
    struct harness_op nops[100] = {0};
    for (int index = 0; index < 100; index++) {
        hark_nop(loop, &nops[index].op, harness_done);
        assert_ptr_equal(nops[index].op.loop, loop);
        for (int earlier = 0; earlier < index; earlier++)
            assert_true(hark_op_id(&nops[earlier].op) != hark_op_id(&nops[index].op));
    }
    harness_run(loop);
}

/* So many that a count of 16 bits would have come round. */
BACKEND_TEST(id_does_not_come_again_when_an_op_is_started_again)
{
    struct harness_op op = {0};
    uint64_t before = 0;
    for (int count = 0; count <= 0x10000; count++) {
        hark_sleep(loop, &op.op, 1, harness_done);
        assert_true(hark_op_id(&op.op) > before);
        before = hark_op_id(&op.op);
        hark_cancel(&op.op);
        harness_run(loop);
        op.ended = false;
    }
}

BACKEND_TEST(id_is_none_that_another_loop_gives)
{
    struct hark_loop *other = harness_loop_create(NULL);
    struct harness_op op = {0};
    struct harness_op same = {0};
    hark_sleep(loop, &op.op, 0, harness_done);
    hark_sleep(other, &same.op, 0, harness_done);
    assert_true(hark_op_id(&op.op) != hark_op_id(&same.op));
    harness_run(loop);
    harness_run(other);
    harness_loop_destroy(other);
}

BACKEND_TEST(defer_runs_after_all_that_this_turn_handles)
{
    struct harness_op deferred = {0};
    struct harness_op nop = {0};
    hark_defer(loop, &deferred.op, harness_done);
    hark_nop(loop, &nop.op, harness_done);
    harness_run(loop);
    assert_int_equal(deferred.calls + nop.calls, 2);
}

/* A callback that defers itself until it has been called ten times. */
static void defer_again(struct harness_op *self, int64_t result)
{
    assert_result(result, 0);
    self->ended = false;
    if (self->calls < 10)
        hark_defer(self->op.loop, &self->op, harness_done);
}

BACKEND_TEST(defer_inside_its_callback_comes_in_a_later_turn)
{
    struct harness_op self = {.then = defer_again};
    uint64_t turns = hark_loop_metrics(loop)->turns;
    hark_defer(loop, &self.op, harness_done);
    harness_run(loop);
    assert_int_equal(self.calls, 10);
    assert_true(hark_loop_metrics(loop)->turns >= turns + 10);
}

BACKEND_TEST(ops_that_complete_together_are_called_in_their_order)
{
    struct harness_op ops[50] = {0};
    for (int index = 0; index < 50; index++)
        hark_defer(loop, &ops[index].op, harness_done);
    harness_run(loop);
    for (int index = 1; index < 50; index++)
        assert_int_equal(ops[index].order, ops[index - 1].order + 1);
}

struct heap_op {
    struct hark_op op;
    int *calls;
};

static void free_self(struct hark_op *op, int64_t result)
{
    struct heap_op *self = hark_container_of(op, struct heap_op, op);
    (void)result;
    ++*self->calls;
    free(self);
}

BACKEND_TEST(promise_04_op_may_be_freed_in_its_final_call)
{
    int calls = 0;
    for (int kind = 0; kind < 4; kind++) {
        for (int index = 0; index < 100; index++) {
            struct heap_op *self = calloc(1, sizeof *self);
            assert_non_null(self);
            self->calls = &calls;
            if (kind == 0)
                hark_nop(loop, &self->op, free_self);
            else if (kind == 1)
                hark_defer(loop, &self->op, free_self);
            else if (kind == 2)
                hark_sleep(loop, &self->op, 1, free_self);
            else
                hark_read(loop, &self->op, -1, NULL, 0, 0, free_self);
            if (index % 3 == 0)
                hark_cancel(&self->op);
        }
    }
    harness_run(loop);
    assert_int_equal(calls, 400);
}

static void nest(struct harness_op *self, int64_t result)
{
    (void)result;
    assert_result(hark_run(self->op.loop), -EBUSY);
    assert_result(hark_run_once(self->op.loop), -EBUSY);
    assert_result(hark_run_ready(self->op.loop), -EBUSY);
    assert_result(hark_loop_destroy(self->op.loop), -EBUSY);
}

BACKEND_TEST(promise_05_running_from_a_callback_is_refused_with_ebusy)
{
    struct harness_op nop = {.then = nest};
    struct harness_op other = {0};
    hark_nop(loop, &nop.op, harness_done);
    hark_nop(loop, &other.op, harness_done);
    harness_run(loop);
    assert_int_equal(nop.calls, 1);
    assert_int_equal(other.calls, 1);
}

/* Counts how deep callbacks stand in each other. */
static int depth;

static void start_everything(struct harness_op *self, int64_t result)
{
    struct harness_op *more = self->context;
    (void)result;
    assert_int_equal(depth, 0);
    depth++;
    if (more) {
        struct hark_loop *loop = self->op.loop;
        hark_nop(loop, &more[0].op, harness_done);
        hark_sleep(loop, &more[1].op, 0, harness_done);
        hark_recv(loop, &more[2].op, -1, NULL, 0, 0, harness_done);
        hark_sleep_until(loop, &more[3].op, HARK_NEVER, harness_done);
        hark_cancel(&more[3].op);
        hark_sleep_until(loop, &more[4].op, HARK_NEVER, harness_done);
        hark_op_deadline(&more[4].op, 0);
        hark_post(loop, &more[5].op, harness_done);
        for (int index = 0; index < 6; index++)
            assert_int_equal(more[index].calls, 0);
    }
    depth--;
}

BACKEND_TEST(promise_05_starts_and_cancels_in_a_callback_do_not_call_back)
{
    static struct harness_op more[6];
    struct harness_op first = {.then = start_everything, .context = more};
    for (int index = 0; index < 6; index++)
        more[index].then = start_everything;
    hark_nop(loop, &first.op, harness_done);
    harness_run(loop);
    for (int index = 0; index < 6; index++)
        assert_int_equal(more[index].calls, 1);
    assert_result(more[0].result, 0);
    assert_result(more[1].result, 0);
    assert_result(more[2].result, -EBADF);
    assert_result(more[3].result, -ECANCELED);
    assert_result(more[4].result, -ETIMEDOUT);
    assert_result(more[5].result, 0);
}

static void restart_recv(struct harness_op *self, int64_t result)
{
    int *pair = self->context;
    if (result == 1 && self->calls < 100) {
        self->ended = false;
        assert_int_equal(write(pair[1], "x", 1), 1);
        hark_recv(self->op.loop, &self->op, pair[0], self->into, 1, 0, harness_done);
    }
}

BACKEND_TEST(promise_04_op_restarted_in_its_callback_a_hundred_times)
{
    int pair[2];
    char byte[1];
    struct harness_op self = {.then = restart_recv, .context = pair, .into = byte, .into_room = 1};
    harness_socket_pair(loop, pair);
    assert_int_equal(write(pair[1], "x", 1), 1);
    hark_recv(loop, &self.op, pair[0], byte, 1, 0, harness_done);
    harness_run(loop);
    assert_int_equal(self.calls, 100);
    assert_int_equal(self.total, 100);
    harness_close(loop, pair[0]);
    harness_close(loop, pair[1]);
}

BACKEND_TEST(promise_01_starting_allocates_nothing)
{
    static struct harness_op ops[64];
    int pair[2];
    char byte[1];
    harness_socket_pair(loop, pair);
    for (int round = 0; round < 4;
         round++) { /* the tables inside the loop have grown after the first rounds */
        size_t before = harness_memory_held();
        for (int index = 0; index < 64; index++) {
            harness_op_again(&ops[index]);
            if (index % 4 == 0)
                hark_nop(loop, &ops[index].op, harness_done);
            else if (index % 4 == 1)
                hark_sleep(loop, &ops[index].op, 1000, harness_done);
            else if (index % 4 == 2)
                hark_recv(loop, &ops[index].op, pair[0], byte, 1, 0, harness_done);
            else
                hark_send(loop, &ops[index].op, pair[1], "x", 1, 0, harness_done);
        }
        harness_run(loop);
        size_t after = harness_memory_held();
        if (round >= 2)
            assert_int_equal(after, before);
    }
    for (int index = 0; index < 64; index++)
        assert_true(ops[index].result >= 0);
    harness_close(loop, pair[0]);
    harness_close(loop, pair[1]);
}

BACKEND_TEST(thousand_ops_at_once_each_end_once)
{
    struct harness_op *ops = calloc(5000, sizeof *ops); /* far more than submission entries */
    assert_non_null(ops);
    for (int index = 0; index < 5000; index++)
        hark_nop(loop, &ops[index].op, harness_done);
    assert_int_equal(hark_loop_active(loop), 5000);
    harness_run(loop);
    for (int index = 0; index < 5000; index++)
        assert_int_equal(ops[index].calls, 1);
    free(ops);
}

TEST(op_names_are_those_of_the_list)
{
    assert_string_equal(hark_op_name(HARK_OP_NOP), "nop");
    assert_string_equal(hark_op_name(HARK_OP_RECV_EACH), "recv_each");
    assert_string_equal(hark_op_name(HARK_OP_POLL_EACH), "poll_each");
    assert_string_equal(hark_op_name(-1), "unknown");
    assert_string_equal(hark_op_name(HARK_OP_KINDS), "unknown");
}

TEST(error_names_and_texts_are_the_systems)
{
    assert_string_equal(hark_error_name(-ECONNRESET), "ECONNRESET");
    assert_string_equal(hark_error_name(ECONNRESET), "ECONNRESET");
    assert_string_equal(hark_error_name(-123456), "EUNKNOWN");
    assert_string_equal(hark_error_name(INT64_MIN), "EUNKNOWN");
    assert_string_equal(hark_error_text(INT64_MIN), "unknown error");
    for (int error = 1; error < 134; error++) {
        if (error == 41 || error == 58) /* the numbers that Linux has left out */
            continue;
        assert_string_not_equal(hark_error_name(-error), "EUNKNOWN");
        assert_string_equal(hark_error_text(-error), strerror(error));
    }
    assert_string_equal(hark_version(), HARK_VERSION);
}
