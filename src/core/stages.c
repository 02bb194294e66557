/* stages.c - the stages of an op: recorded, and shown to probes. */
#include "core/stages.h"
#include "core/loop.h"
#include "core/probes.h"

static uint32_t number_of(const struct hark_loop *loop)
{
    return (uint32_t)(loop->last_id >> LOOP_NUMBER_SHIFT);
}

/* Who has called has seen that somebody records: the process itself, if nobody looks on. */
static inline bool has_own(const struct hark_loop *loop)
{
    return !loop_onlooker(loop) || loop->recorder;
}

void stages_request(struct hark_loop *loop, const struct hark_op *op)
{
    if (loop_onlooker(loop))
        recorder_request(loop_onlooker(loop), op);
    if (!has_own(loop))
        return;
    recorder_request(loop->recorder, op);
    PROBE(op_request, number_of(loop), op->id, op->code, op->fd, loop->recorder->asking);
}

void stages_delegate(struct hark_loop *loop, const struct hark_op *op)
{
    if (loop_onlooker(loop))
        recorder_delegate(loop_onlooker(loop), op);
    if (!has_own(loop))
        return;
    recorder_delegate(loop->recorder, op);
    PROBE(op_submit, number_of(loop), op->id, op->code, op->fd);
}

void stages_wait(struct hark_loop *loop, const struct hark_op *op)
{
    if (loop_onlooker(loop))
        (void)recorder_wait(loop_onlooker(loop), op);
    if (has_own(loop) && recorder_wait(loop->recorder, op))
        PROBE(op_submit, number_of(loop), op->id, op->code, op->fd);
}

static void returned(struct recorder *recorder, const struct hark_op *op, int64_t result)
{
    recorder_return(recorder, op, result, op->state == OP_WORKING || recorder->returns_any_time);
}

void stages_return(struct hark_loop *loop, const struct hark_op *op, int64_t result)
{
    if (loop_onlooker(loop))
        returned(loop_onlooker(loop), op, result);
    if (!has_own(loop))
        return;
    returned(loop->recorder, op, result);
    PROBE(op_notify, number_of(loop), op->id, op->code, op->fd, result);
}

void stages_try(struct hark_loop *loop, const struct hark_op *op)
{
    if (loop_onlooker(loop))
        recorder_try(loop_onlooker(loop));
    if (!has_own(loop))
        return;
    recorder_try(loop->recorder);
    PROBE(op_submit, number_of(loop), op->id, op->code, op->fd);
}

void stages_tried(struct hark_loop *loop, const struct hark_op *op, int64_t result)
{
    if (loop_onlooker(loop))
        recorder_tried(loop_onlooker(loop), op, result);
    if (!has_own(loop))
        return;
    recorder_tried(loop->recorder, op, result);
    PROBE(op_notify, number_of(loop), op->id, op->code, op->fd, result);
}

void stages_wake(struct hark_loop *loop, uint64_t now_ns)
{
    if (loop_onlooker(loop))
        (void)recorder_wake(loop_onlooker(loop), now_ns);
    if (has_own(loop) && recorder_wake(loop->recorder, now_ns))
        PROBE(loop_wake, number_of(loop));
}

static void call_with_own(struct hark_loop *loop, struct hark_op *op, int64_t result)
{
    uint8_t kind = op->code;
    int fd = op->fd;
    struct recorder_call call = recorder_call(loop->recorder, op, result);
    PROBE(callback_begin, number_of(loop), call.op, kind, fd, result);
    op->done(op, result);
    PROBE(callback_end, number_of(loop), call.op, kind, fd, result);
    recorder_called(loop->recorder, call, result); /* the callback may have turned it off */
}

void stages_call(struct hark_loop *loop, struct hark_op *op, int64_t result)
{
    if (!loop_onlooker(loop))
        return call_with_own(loop, op, result);
    struct recorder_call call = recorder_call(loop_onlooker(loop), op, result);
    if (loop->recorder)
        call_with_own(loop, op, result);
    else
        op->done(op, result);
    recorder_called(loop_onlooker(loop), call, result);
}
