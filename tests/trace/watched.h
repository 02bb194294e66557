/* watched.h - a loop that records, while the kernel tells its part: skipped where it cannot be
 * asked. */
#ifndef TESTS_TRACE_WATCHED_H
#define TESTS_TRACE_WATCHED_H

#include "trace/fixture.h"
#include "trace/join.h"
#include "trace/kernel.h"

enum { WATCHED_PAGE = 4096, WATCHED_READS = 8 };

struct watched {
    struct traced traced;
    struct trace_kernel *kernel;
    struct trace_join *join;
    trace_kernel_take *also; /* sees each event, too; NULL: nobody */
    void *context;           /* its own */

    int fd;    /* that is read */
    int pages; /* of it */
    int left;
    char *memory; /* a page for each op */
    struct harness_op ops[WATCHED_READS];
};

/* Asks the kernel. Nothing records yet: traced_begin.
 * Takes: watched: zeroed; buffer_bytes: of a buffer of the kernel's, 0: what suits. */
void watched_ask(struct watched *watched, uint64_t buffer_bytes);

/* The loop records, and reads so many single pages of `fd`, the first ones in a mixed order, eight
 * at a time. */
void watched_read(struct watched *watched, struct hark_loop *loop, int pages, int reads);

/* Reads all that there is: what has ended is joined, and stands in traced.ended. */
void watched_round(struct watched *watched);

void watched_done(struct watched *watched);

/* CLOCK_MONOTONIC. */
uint64_t watched_now(void);

/* The first fact of a tracepoint; NULL: there is none. */
const struct trace_fact *watched_fact(const struct trace_op *op, const char *what);

#endif
