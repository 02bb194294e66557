/* session.h - a trace while it goes on: the loop that reads the rings some ten times a second, and
 * ends when what is traced ends, when the time is over, or when somebody ends it. */
#ifndef HARK_COMMAND_TRACE_SESSION_H
#define HARK_COMMAND_TRACE_SESSION_H

#include <signal.h>
#include <stdbool.h>

#include "hark.h"
#include "trace/collection.h"
#include "trace/program.h"

/* What is done at each round besides reading: finding rings.
 * Gives: whether it goes on. */
typedef bool trace_session_round(void *context, bool last);

/* In the caller's memory, zeroed but for what is named. */
struct trace_session {
    struct trace_collection *collection; /* the caller's */
    struct trace_program *program;       /* the caller's; NULL: none of its own is traced */
    trace_session_round *round;          /* NULL: nothing */
    void *context;
    uint64_t for_ns; /* 0: until the end */

    struct hark_loop *loop;
    struct hark_op tick, time_up, signals;
    int signal_fd;
    double round_ns; /* the next one comes so much later */
    bool is_hurried; /* a round sets it: the next one is to come soon, whatever there is to read */
    bool over;       /* nothing is recorded any more */
    bool stopped;    /* the program was asked to end, as the time was over */
};

/* Blocks the signals that a session handles, so that none is missed.
 * Gives: what was blocked before, for the program. */
void trace_session_block(sigset_t *out_former);

/* Runs it to its end. The collection's last round has then been.
 * Fails: what making a loop or running it gives. */
int trace_session_run(struct trace_session *session);

#endif
