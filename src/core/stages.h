/* stages.h - the stages of an op, recorded: called where a loop has a recorder. */
#ifndef CORE_STAGES_H
#define CORE_STAGES_H

#include <stdint.h>

struct hark_loop;
struct hark_op;

/* Apart and cold, so that nothing is kept ready for them where nobody records. */
__attribute__((noinline, cold)) void stages_request(struct hark_loop *loop,
                                                    const struct hark_op *op);
__attribute__((noinline, cold)) void stages_delegate(struct hark_loop *loop,
                                                     const struct hark_op *op);
__attribute__((noinline, cold)) void stages_return(struct hark_loop *loop, const struct hark_op *op,
                                                   int64_t result);

/* The op's callback, recorded. */
__attribute__((noinline, cold)) void stages_call(struct hark_loop *loop, struct hark_op *op,
                                                 int64_t result);

#endif
