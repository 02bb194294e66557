/* trace.h - a loop's recorder: turned on, off, and called around callbacks. */
#ifndef CORE_TRACE_H
#define CORE_TRACE_H

#include <stdint.h>

struct hark_loop;
struct hark_op;

struct recorder;

/* The loop's recorder, made if there is none.
 * Gives: NULL: no memory is left. */
struct recorder *trace_recorder(struct hark_loop *loop);

/* Lets it go if nobody wants it any more. */
void trace_let_go(struct hark_loop *loop);

/* Begins to record. A recording that yields ends with that, and goes on where this one fails.
 * Takes: events: of a ring, as in hark_trace_options; fd: a new file to record into, which stays
 *   the caller's; -1: memory.
 * Fails: -EALREADY, -EINVAL, -ENOMEM, and what sizing and mapping a file gives. */
int trace_open(struct hark_loop *loop, uint32_t events, int fd);

/* Ends the recording, whoever began it. If it does not record, nothing happens. */
void trace_close(struct hark_loop *loop);

/* What HARK_TRACE asks for; nothing if it names no directory that is there.
 * Fails: as hark_trace_start. */
int trace_from_environment(struct hark_loop *loop);

/* Whoever looks on from outside of a simulated kernel may have the loop recorded
 * (trace/recorder.h), from its beginning to its end. Elsewhere nothing happens. */
void trace_let_look_on(struct hark_loop *loop);
void trace_end_look_on(struct hark_loop *loop);

#endif
