/* fixture.c - see the header. */
#include "trace/fixture.h"

static void traced_take(void *context, const struct trace_op *op)
{
    struct traced *traced = context;
    assert_true(traced->count < TRACED_MAX);
    assert_int_equal(trace_op_copy(op, &traced->ended[traced->count++]), 0);
}

static void traced_take_wait(void *context, const struct trace_loop *loop, uint64_t from_ns,
                             uint64_t until_ns, uint64_t may_sleep_ns)
{
    struct traced *traced = context;
    assert_non_null(loop);
    assert_true(from_ns <= until_ns);
    traced->waits++;
    traced->slept_ns += may_sleep_ns ? until_ns - from_ns : 0;
}

void traced_init(struct traced *traced)
{
    const struct trace_ops_receiver receiver = {
        .context = traced, .ended = traced_take, .waited = traced_take_wait};
    *traced = (struct traced){.ended = calloc(TRACED_MAX, sizeof *traced->ended)};
    assert_non_null(traced->ended);
    assert_int_equal(trace_ops_create(&receiver, &traced->ops), 0);
}

void traced_begin(struct traced *traced, struct hark_loop *loop, uint32_t events)
{
    const struct hark_trace_options options = {.events = events ? events : 1 << 16,
                                               .directory = harness_directory()};
    assert_result(hark_trace_start(loop, &options), 0);
    traced_init(traced);
}

void traced_round(struct traced *traced)
{
    assert_result(trace_rings_look(&traced->rings, harness_directory(), false), 0);
    trace_rings_read(&traced->rings, trace_ops_take, traced->ops);
}

void traced_end(struct traced *traced)
{
    traced_round(traced);
    trace_ops_settle(traced->ops, UINT64_MAX);
}

void traced_done(struct traced *traced)
{
    for (size_t i = 0; i < traced->count; i++)
        trace_op_done(&traced->ended[i]);
    free(traced->ended);
    trace_ops_destroy(traced->ops);
    trace_rings_done(&traced->rings);
}

const struct trace_op *traced_first(const struct traced *traced, int kind)
{
    for (size_t i = 0; i < traced->count; i++)
        if (traced->ended[i].kind == kind)
            return &traced->ended[i];
    fail_msg("no %s has ended", hark_op_name(kind));
    return NULL;
}

void traced_assert_order(const struct trace_op *op)
{
    const uint64_t times[] = {op->request_ns, op->queued_ns,   op->delegated_ns, op->performed_ns,
                              op->done_ns,    op->returned_ns, op->call_ns,      op->called_ns};
    uint64_t before_ns = 0;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        if (times[i] == 0)
            continue;
        assert_true(times[i] >= before_ns);
        before_ns = times[i];
    }
}
