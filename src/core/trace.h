/* trace.h - a loop's recorder: turned on, off, and called around callbacks. */
#ifndef CORE_TRACE_H
#define CORE_TRACE_H

#include <stdint.h>

struct hark_loop;
struct hark_op;

/* What HARK_TRACE asks for; nothing if it names no directory that is there.
 * Fails: as hark_trace_start. */
int trace_from_environment(struct hark_loop *loop);

/* The op's callback, recorded. */
__attribute__((noinline, cold)) void trace_call(struct hark_loop *loop, struct hark_op *op,
                                                int64_t result);

#endif
