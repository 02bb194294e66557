/* table.h - the table: per kind of op how many there were, and how long each stretch of their way
 * was. */
#ifndef HARK_COMMAND_TRACE_TABLE_H
#define HARK_COMMAND_TRACE_TABLE_H

#include <stdio.h>

#include "stages/op.h"
#include "trace/spread.h"

/* Of one kind. */
struct trace_table_row {
    uint64_t count;  /* calls */
    uint64_t failed; /* of them with an error, but for the next */
    uint64_t cancelled;
    uint64_t unseen; /* of them asked for before the trace began */
    uint64_t in_flight;
    struct trace_spread spans[TRACE_SPANS];
};

/* In the caller's memory, zeroed. */
struct trace_table {
    struct trace_table_row *rows[HARK_OP_KINDS]; /* NULL: there was none */
    uint64_t count;                              /* of all kinds */
    uint64_t not_counted;                        /* for want of memory */
};

void trace_table_add(struct trace_table *table, const struct trace_op *op);

/* An op that has not ended. */
void trace_table_add_in_flight(struct trace_table *table, const struct trace_op *op);

/* Gives: NULL if there was no op of that kind. */
const struct trace_table_row *trace_table_row(const struct trace_table *table, int kind);

/* Prints it in 100 columns, the kind with the most ops first. */
void trace_table_print(const struct trace_table *table, FILE *file);

void trace_table_done(struct trace_table *table);

#endif
