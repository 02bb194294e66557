/* story.h - the slowest ops, each as a story of its seven stages. */
#ifndef HARK_COMMAND_TRACE_STORY_H
#define HARK_COMMAND_TRACE_STORY_H

#include <stddef.h>
#include <stdio.h>

#include "stages/op.h"

enum { TRACE_STORY_MAX = 100 };

/* The slowest so far, the slowest first. In the caller's memory, zeroed but for `wanted`. */
struct trace_slowest {
    struct trace_op ops[TRACE_STORY_MAX];
    size_t count;
    size_t wanted;      /* up to TRACE_STORY_MAX */
    bool by_whole_time; /* by the time from request to callback's end, whatever the kind */
};

/* Whether it would be among the slowest, for now. */
bool trace_slowest_takes(const struct trace_slowest *slowest, const struct trace_op *op);

/* Keeps a copy of it, if it is among the slowest. */
void trace_slowest_offer(struct trace_slowest *slowest, const struct trace_op *op);

void trace_slowest_done(struct trace_slowest *slowest);

/* Tells what became of an op: a line a stage, with who did what, at which microsecond since the
 * request, and how long it took, and under them what the kernel told. */
void trace_story_print(const struct trace_op *op, FILE *file);

#endif
