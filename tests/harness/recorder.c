/* recorder.c - ops that write down what they are told, and the running of loops until something
 * holds. */
#include "harness/harness.h"

#include <stdatomic.h>
#include <string.h>

static atomic_uint final_calls; /* of all loops of the test, which may be in several threads */

void harness_assert_result(int64_t actual, int64_t expected, const char *file, int line)
{
    if (actual == expected)
        return;
    print_error("result %lld%s%s, expected %lld%s%s\n", (long long)actual, actual < 0 ? " -" : "",
                actual < 0 ? hark_error_name(actual) : "", (long long)expected,
                expected < 0 ? " -" : "", expected < 0 ? hark_error_name(expected) : "");
    _fail(file, line);
}

/* Appends a lent buffer to the bytes received so far. */
static void collect(struct harness_op *recorder, size_t count)
{
    const void *lent = hark_op_buffer(&recorder->op);
    if (lent && recorder->op.code == HARK_OP_RECVMSG_EACH)
        lent = hark_packet_bytes(hark_op_packet(&recorder->op));
    if (!recorder->into || !lent)
        return;
    assert_true(recorder->total + count <= recorder->into_room);
    memcpy(recorder->into + recorder->total, lent, count);
}

void harness_done(struct hark_op *op, int64_t result)
{
    struct harness_op *recorder = hark_container_of(op, struct harness_op, op);
    bool more = hark_op_more(op);
    if (recorder->ended)
        fail_msg("%s was called with %lld after its final call", hark_op_name(op->code),
                 (long long)result);
    if (!more)
        assert_false(hark_op_active(op));
    if (recorder->calls < HARNESS_RESULTS) {
        recorder->results[recorder->calls] = result;
        recorder->more[recorder->calls] = more;
    }
    recorder->calls++;
    recorder->result = result;
    if (result > 0 && (op->code == HARK_OP_RECV_EACH || op->code == HARK_OP_RECVMSG_EACH))
        collect(recorder, (size_t)result);
    if (result > 0)
        recorder->total += (uint64_t)result;
    if (!more) {
        recorder->ended = true;
        recorder->order = atomic_fetch_add(&final_calls, 1) + 1;
    }
    if (recorder->then)
        recorder->then(recorder, result);
}

void harness_op_again(struct harness_op *recorder)
{
    struct harness_op fresh = {
        .op = recorder->op, .then = recorder->then, .context = recorder->context};
    assert_false(hark_op_active(&recorder->op));
    *recorder = fresh;
}

void harness_run(struct hark_loop *loop)
{
    assert_result(hark_run(loop), 0);
    assert_int_equal(hark_loop_active(loop), 0);
}

void harness_run_until(struct hark_loop *loop, const bool *flag)
{
    while (!*(const volatile bool *)flag) {
        int left = hark_run_once(loop);
        assert_true(left >= 0);
        if (left == 0 && !*(const volatile bool *)flag)
            fail_msg("the loop ran dry before what was waited for");
    }
}

int64_t harness_wait(struct hark_loop *loop, struct harness_op *recorder)
{
    harness_run_until(loop, &recorder->ended);
    return recorder->result;
}

void harness_turns(struct hark_loop *loop, int count)
{
    for (int turn = 0; turn < count; turn++)
        assert_true(hark_run_ready(loop) >= 0);
}

void harness_settle(struct hark_loop *loop)
{
    const struct hark_metrics *metrics = hark_loop_metrics(loop);
    for (int turn = 0, quiet = 0; turn < 100 && quiet < 3; turn++) {
        uint64_t before = 0;
        uint64_t after = 0;
        for (int kind = 0; kind < HARK_OP_KINDS; kind++)
            before += metrics->handled[kind] + metrics->repeated[kind];
        assert_true(hark_run_ready(loop) >= 0);
        for (int kind = 0; kind < HARK_OP_KINDS; kind++)
            after += metrics->handled[kind] + metrics->repeated[kind];
        quiet = before == after ? quiet + 1 : 0;
    }
}
