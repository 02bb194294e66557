/* program.h - the COMMAND that is traced: its start with the environment that turns the recorder
 * on, and its end. */
#ifndef HARK_COMMAND_TRACE_PROGRAM_H
#define HARK_COMMAND_TRACE_PROGRAM_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

/* In the caller's memory, zeroed. */
struct trace_program {
    pid_t pid; /* 0: it has not been started */
    bool ended;
    int code;   /* its exit code once it has ended; 128 + the signal that killed it */
    int signal; /* that signal; 0: none did */
};

/* Starts it, in this process's group and with its descriptors.
 * Takes: argv ends with NULL; directory: where its loops keep their rings; events: the size of a
 *   ring; 0: TRACE_EVENTS_DEFAULT, unless the environment says otherwise; mask: the signals that it
 *   has blocked.
 * Gives: 0, or, after a line that says why, 127 there is no such program, 126 it cannot be run. */
int trace_program_start(struct trace_program *program, char *const *argv, const char *directory,
                        unsigned events, const sigset_t *mask);

/* Looks whether it has ended; never waits. */
void trace_program_look(struct trace_program *program);

/* Sends it a signal, unless it has ended. */
void trace_program_signal(const struct trace_program *program, int number);

#endif
