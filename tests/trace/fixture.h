/* fixture.h - a loop that records into files of the test's directory, and what `hark trace` makes
 * of them. */
#ifndef TESTS_TRACE_FIXTURE_H
#define TESTS_TRACE_FIXTURE_H

#include "harness/harness.h"
#include "stages/ops.h"
#include "trace/rings.h"

#include <stdlib.h>

enum { TRACED_MAX = 300000 };

/* All ops that have ended, in that order. */
struct traced {
    struct trace_rings rings;
    struct trace_ops *ops;
    struct trace_op *ended;
    size_t count;
    uint64_t waits; /* of loops */
    uint64_t slept_ns;
};

/* Nothing records yet. */
void traced_init(struct traced *traced);

/* The same, and the loop records from here on.
 * Takes: events: of a ring; 0: enough. */
void traced_begin(struct traced *traced, struct hark_loop *loop, uint32_t events);

/* A round of reading. What has ended is handed on in the next but one. */
void traced_round(struct traced *traced);

/* The last round: all that has ended is there. */
void traced_end(struct traced *traced);
void traced_done(struct traced *traced);

/* The first op of a kind that has ended. Asserts that there is one. */
const struct trace_op *traced_first(const struct traced *traced, int kind);

/* Asserts that the times that are there grow from stage to stage. */
void traced_assert_order(const struct trace_op *op);

#endif
