/* join.h - the kernel's part of the ops: what its tracepoints tell, joined per op.
 *
 * By user_data to io_uring's request; by the thread that submits, or works, to what it asks of a
 * device; by device and sector to the device's request, its interrupt and its end. Where a join is
 * by process and order alone, or one of several might be meant, the fact is marked as a guess. */
#ifndef HARK_COMMAND_TRACE_JOIN_H
#define HARK_COMMAND_TRACE_JOIN_H

#include <stdio.h>

#include "stages/ops.h"
#include "trace/kernel.h"

struct trace_join;

/* How many ops, that the kernel had, were joined how. */
struct trace_join_counts {
    uint64_t exact;
    uint64_t guessed;
    uint64_t missing;   /* the kernel told nothing of it, or not all */
    uint64_t no_device; /* of the exact ones: no device was asked */
};

/* Of which ops facts are made: words cost more than all the rest. */
struct trace_join_shown {
    bool (*is_shown)(void *context, const struct trace_op *op); /* it has its times */
    void *context;
};

/* Takes: shown: copied; NULL: all are.
 * Fails: -ENOMEM. */
int trace_join_create(const struct trace_join_shown *shown, struct trace_join **out_join);
void trace_join_destroy(struct trace_join *join);

/* Forgets all events, to be told them from the first on; what has been counted stays.
 * Fails: -ENOMEM: nothing is forgotten. */
int trace_join_begin_again(struct trace_join **join);

/* Takes an event in; for trace_kernel_read, with `join` as its context. */
trace_kernel_take trace_join_take;

/* Sets the times of an op, which has ended, that the kernel knows; if it is shown, adds what is
 * known of it.
 * Takes: all_came: the kernel has lost no event. */
void trace_join_op(struct trace_join *join, struct trace_op *op, bool all_came);

/* Forgets what no op has asked after until a time. */
void trace_join_forget(struct trace_join *join, uint64_t before_ns);

const struct trace_join_counts *trace_join_counts(const struct trace_join *join);

#endif
