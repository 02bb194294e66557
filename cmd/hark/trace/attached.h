/* attached.h - a process that runs already and is told to record: how long, and the rings of its
 * loops. */
#ifndef HARK_COMMAND_TRACE_ATTACHED_H
#define HARK_COMMAND_TRACE_ATTACHED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "trace/control.h"
#include "trace/rings.h"

/* In the caller's memory, zeroed. */
struct trace_attached {
    struct trace_controls controls;
    struct trace_rings *rings; /* the caller's */
    uint64_t before;           /* what had begun before this trace */
    uint64_t seen;             /* what has begun, as far as its rings are looked for */
    uint32_t loops;            /* when it was last looked at */
    int32_t refused;
    bool gone;
};

/* Tells a process to record.
 * Takes: events: of a ring.
 * Gives: 0; a negative errno after a line that says why. */
int trace_attached_begin(struct trace_attached *attached, pid_t pid, uint32_t events,
                         struct trace_rings *rings);

/* Lets it go on, and adds the rings of the loops that have begun. A process that hears nothing for
 * two seconds ends by itself.
 * Takes: last: it ends.
 * Gives: whether the process is still there. */
bool trace_attached_round(struct trace_attached *attached, bool last);

/* How many loops have begun since. */
uint64_t trace_attached_begun(const struct trace_attached *attached);

#endif
