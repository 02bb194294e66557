/* stages.c - the stages of an op: recorded, and shown to probes. */
#include "core/stages.h"
#include "core/loop.h"
#include "core/probes.h"

static uint32_t number_of(const struct hark_loop *loop)
{
    return (uint32_t)(loop->last_id >> LOOP_NUMBER_SHIFT);
}

void stages_request(struct hark_loop *loop, const struct hark_op *op)
{
    recorder_request(loop->recorder, op);
    PROBE(op_request, number_of(loop), op->id, op->code, op->fd, loop->recorder->asking);
}

void stages_delegate(struct hark_loop *loop, const struct hark_op *op)
{
    recorder_delegate(loop->recorder, op);
    PROBE(op_submit, number_of(loop), op->id, op->code, op->fd);
}

void stages_wait(struct hark_loop *loop, const struct hark_op *op)
{
    if (recorder_wait(loop->recorder, op))
        PROBE(op_submit, number_of(loop), op->id, op->code, op->fd);
}

void stages_return(struct hark_loop *loop, const struct hark_op *op, int64_t result)
{
    recorder_return(loop->recorder, op, result,
                    op->state == OP_WORKING || loop->recorder->returns_any_time);
    PROBE(op_notify, number_of(loop), op->id, op->code, op->fd, result);
}

void stages_try(struct hark_loop *loop, const struct hark_op *op)
{
    recorder_try(loop->recorder);
    PROBE(op_submit, number_of(loop), op->id, op->code, op->fd);
}

void stages_tried(struct hark_loop *loop, const struct hark_op *op, int64_t result)
{
    recorder_tried(loop->recorder, op, result);
    PROBE(op_notify, number_of(loop), op->id, op->code, op->fd, result);
}

void stages_wake(struct hark_loop *loop, uint64_t now_ns)
{
    if (recorder_wake(loop->recorder, now_ns))
        PROBE(loop_wake, number_of(loop));
}

void stages_call(struct hark_loop *loop, struct hark_op *op, int64_t result)
{
    uint8_t kind = op->code;
    int fd = op->fd;
    struct recorder_call call = recorder_call(loop->recorder, op, result);
    PROBE(callback_begin, number_of(loop), call.op, kind, fd, result);
    op->done(op, result);
    PROBE(callback_end, number_of(loop), call.op, kind, fd, result);
    recorder_called(loop->recorder, call, result); /* the callback may have turned it off */
}
