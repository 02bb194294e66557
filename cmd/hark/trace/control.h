/* control.h - the place in another process where it is told to record (hark_trace_control, in
 * hark/trace.h): finding it, and writing there. */
#ifndef HARK_COMMAND_TRACE_CONTROL_H
#define HARK_COMMAND_TRACE_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "hark.h"

/* Copies of libhark in one process: a program that is linked with it may load others. */
enum { TRACE_CONTROLS_MAX = 8 };

/* In the caller's memory, zeroed. */
struct trace_controls {
    pid_t pid;
    size_t count;
    uint64_t addresses[TRACE_CONTROLS_MAX];
};

/* What all of them say together. */
struct trace_controls_state {
    uint32_t loops;
    uint64_t started;
    int32_t refused;
    bool traced; /* it is being told to record now */
};

/* Looks through what the process has mapped.
 * Fails: -ESRCH there is no such process; -EPERM, -EACCES its memory is not ours to read; -ENOENT
 *   there is no libhark in it that knows of this. */
int trace_controls_find(struct trace_controls *controls, pid_t pid);

/* Fails: -ESRCH it is gone; -ENOENT it has become another program. */
int trace_controls_look(const struct trace_controls *controls,
                        struct trace_controls_state *out_state);

/* Lets its loops record until then.
 * Takes: events of a ring.
 * Fails: as trace_controls_find. */
int trace_controls_begin(const struct trace_controls *controls, uint64_t until_ns, uint32_t events);

/* They go on recording until then. */
int trace_controls_go_on(const struct trace_controls *controls, uint64_t until_ns);

/* They end. */
void trace_controls_end(const struct trace_controls *controls);

#endif
