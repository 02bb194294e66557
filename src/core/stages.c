/* stages.c - the stages of an op, recorded. */
#include "core/stages.h"
#include "core/loop.h"

void stages_request(struct hark_loop *loop, const struct hark_op *op)
{
    recorder_request(loop->recorder, op);
}

void stages_delegate(struct hark_loop *loop, const struct hark_op *op)
{
    recorder_delegate(loop->recorder, op);
}

void stages_wait(struct hark_loop *loop, const struct hark_op *op)
{
    recorder_wait(loop->recorder, op);
}

void stages_return(struct hark_loop *loop, const struct hark_op *op, int64_t result)
{
    recorder_return(loop->recorder, op, result,
                    op->state == OP_WORKING || loop->recorder->returns_any_time);
}

void stages_try(struct hark_loop *loop)
{
    recorder_try(loop->recorder);
}

void stages_tried(struct hark_loop *loop, const struct hark_op *op, int64_t result)
{
    recorder_tried(loop->recorder, op, result);
}

void stages_wake(struct hark_loop *loop, uint64_t now_ns)
{
    recorder_wake(loop->recorder, now_ns);
}

void stages_call(struct hark_loop *loop, struct hark_op *op, int64_t result)
{
    struct recorder_call call = recorder_call(loop->recorder, op, result);
    op->done(op, result);
    recorder_called(loop->recorder, call, result); /* the callback may have turned it off */
}
