/* stages.h - the stages of an op, recorded and shown to probes: called where a loop has a
 * recorder. */
#ifndef CORE_STAGES_H
#define CORE_STAGES_H

#include <stdint.h>

struct hark_loop;
struct hark_op;

/* Apart and cold, so that nothing is kept ready for them where nobody records. */
#define STAGES_APART __attribute__((noinline, cold))

STAGES_APART void stages_request(struct hark_loop *loop, const struct hark_op *op);
STAGES_APART void stages_delegate(struct hark_loop *loop, const struct hark_op *op);
/* It waits for an event of its descriptor. */
STAGES_APART void stages_wait(struct hark_loop *loop, const struct hark_op *op);
STAGES_APART void stages_return(struct hark_loop *loop, const struct hark_op *op, int64_t result);

/* Around a system call of an op that the loop's own thread makes, without waiting. */
STAGES_APART void stages_try(struct hark_loop *loop, const struct hark_op *op);
STAGES_APART void stages_tried(struct hark_loop *loop, const struct hark_op *op, int64_t result);

/* The wait has returned: before what it reports is looked at.
 * Takes: now_ns: the time, if it is known already, else 0. */
STAGES_APART void stages_wake(struct hark_loop *loop, uint64_t now_ns);

/* The op's callback, recorded. */
STAGES_APART void stages_call(struct hark_loop *loop, struct hark_op *op, int64_t result);

#endif
