/* json.h - the picture: a file in the trace event format that ui.perfetto.dev and chrome://tracing
 * open. Written while ops come in, so its size is bounded by the disk alone.
 *
 * A process of the picture is a traced process, a track in it one of its threads: a loop's, with
 * its callbacks and waits, or one of a work pool. The process 0 is the kernel, with a track for
 * each CPU that facts are of. Arrows lead from where an op was asked for to its callback.
 *
 * The format: "Trace Event Format", by Google, the phases X, M, i, s, t and f. */
#ifndef HARK_COMMAND_TRACE_JSON_H
#define HARK_COMMAND_TRACE_JSON_H

#include <stdio.h>

#include "stages/op.h"

struct trace_json_track;

/* In the caller's memory, zeroed. */
struct trace_json {
    FILE *file;
    uint64_t events;
    uint64_t arrows;
    struct trace_json_track *tracks; /* those that have been named */
    size_t track_count;
};

/* Takes: file: written to until trace_json_end, which leaves it open. */
void trace_json_begin(struct trace_json *json, FILE *file);

void trace_json_op(struct trace_json *json, const struct trace_op *op);
void trace_json_wait(struct trace_json *json, const struct trace_loop *loop, uint64_t from_ns,
                     uint64_t until_ns, uint64_t may_sleep_ns);

/* Ends the text. Whether all could be written, the file knows (ferror). */
void trace_json_end(struct trace_json *json);

#endif
