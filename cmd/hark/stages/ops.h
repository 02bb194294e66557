/* ops.h - the ops of all traced loops: events in, ops out, each once it has ended and all that is
 * known of it has come. */
#ifndef HARK_COMMAND_STAGES_OPS_H
#define HARK_COMMAND_STAGES_OPS_H

#include <stddef.h>
#include <stdint.h>

#include "stages/op.h"

struct trace_ops;

/* Who is told. Each may be NULL. */
struct trace_ops_receiver {
    void *context;
    /* An op has ended. It is gone afterwards: who wants to keep it makes a copy. */
    void (*ended)(void *context, const struct trace_op *op);
    /* A loop's wait has returned.
     * Takes: may_sleep_ns: how long it might have slept; 0: it only asked; UINT64_MAX: for ever. */
    void (*waited)(void *context, const struct trace_loop *loop, uint64_t from_ns,
                   uint64_t until_ns, uint64_t may_sleep_ns);
};

/* What could not be told. */
struct trace_ops_losses {
    uint64_t left_out;  /* ops that were not followed, as too many were in flight, or for want of
                           memory */
    uint64_t forgotten; /* ops whose end was among the events that were overwritten */
    uint64_t odd;       /* events that make no sense */
};

enum { TRACE_OPS_MAX = 1 << 20 }; /* that are remembered at a time */

/* Takes: receiver: copied.
 * Fails: -ENOMEM. */
int trace_ops_create(const struct trace_ops_receiver *receiver, struct trace_ops **out_ops);
void trace_ops_destroy(struct trace_ops *ops);

/* Takes events of a ring in, oldest first. Of a loop's two rings the loop's own comes first: so the
 * request of an op is known when its thread is.
 * Takes: ops: as `context`; *reader: NULL at first, then what this has made of it: one for both
 *   rings of a loop; lost: how many events were overwritten directly before these. */
void trace_ops_take(void *context, void **reader, const struct hark_trace_ring *ring,
                    const struct hark_trace_event *events, size_t count, uint64_t lost);

/* Hands on what ended before a time. Called at each round of reading with the time at which the
 * round before it began, so that what the pool's ring and the kernel tell has come. */
void trace_ops_settle(struct trace_ops *ops, uint64_t until_ns);

/* Ops that have not been handed on: those in flight, and those that ended since; first NULL, then
 * one after the other.
 * Gives: NULL at the end. */
struct trace_op *trace_ops_next_in_flight(const struct trace_ops *ops, const struct trace_op *op);
struct trace_op *trace_ops_next_ended(const struct trace_ops *ops, const struct trace_op *op);

/* The op that the kernel's io_uring tracepoints name so at a time, among those that have not been
 * handed on: user_data comes again once an op has ended.
 * Gives: NULL: there is none. */
struct trace_op *trace_ops_find_known(const struct trace_ops *ops, uint32_t pid, uint64_t known_as,
                                      uint64_t time_ns);

/* The loops, in the order in which they were found.
 * Gives: NULL: there is none with that number. */
const struct trace_loop *trace_ops_loop(const struct trace_ops *ops, size_t number);

const struct trace_ops_losses *trace_ops_losses(const struct trace_ops *ops);

#endif
