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

void stages_return(struct hark_loop *loop, const struct hark_op *op, int64_t result)
{
    recorder_return(loop->recorder, op, result);
}

void stages_call(struct hark_loop *loop, struct hark_op *op, int64_t result)
{
    struct hark_trace_event call = recorder_call(loop->recorder, op, result);
    op->done(op, result);
    recorder_called(loop->recorder, &call); /* the callback may have turned it off */
}
