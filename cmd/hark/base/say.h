/* say.h - what the command says to a person: one line on standard error each, and the words for an
 * error in it. */
#ifndef HARK_COMMAND_BASE_SAY_H
#define HARK_COMMAND_BASE_SAY_H

#include <stdint.h>

/* The exit codes of every command. */
enum exit_code {
    EXIT_DONE = 0,    /* it did what was asked */
    EXIT_REFUSED = 1, /* the machine, the server or a peer did not let it */
    EXIT_USAGE = 2,   /* the command line or the configuration makes no sense */
};

enum say_level {
    SAY_ERROR,   /* something does not work */
    SAY_WARNING, /* something may not work, or not for long */
    SAY_NOTE,    /* nothing is wrong */
};

/* How the lines of a log look. */
enum say_format {
    SAY_TEXT,
    SAY_JSON, /* an object a line: time, level, message */
};

/* Prints "hark: " and the text, ended by a newline; in a log with the level SAY_ERROR. It never
 * waits: a line that standard error does not take now is left out and counted, and how many were is
 * said before the next line that it takes. The flags of standard error, which other processes may
 * share, stay as they are. (Outside of a log it is given a fifth of a second.)
 * Takes: what failed, on what, why, and what to do, in one line; bytes that control a terminal,
 *   line ends among them, are printed as ?.
 * Thread: any. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, with another level. */
void say_at(enum say_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What an error means, for the middle of a sentence: "address already in use" for -EADDRINUSE.
 * Gives: text that the next call of the thread uses again. */
const char *why(int64_t error);

/* Shows how far something is, on a terminal: bytes as they are; what is not taken at once is left
 * out. */
void say_progress(const char *text);

/* From here on the lines are a log's: each has its time and level, or, where standard error is the
 * journal's, the level in the form that the journal reads. Takes a descriptor, where it needs one,
 * so that there is one when the process has none left. */
void say_begin_log(void);

/* How the log that was begun looks, and what is said in it at most. Before that it is SAY_TEXT, and
 * all. No other thread says anything meanwhile. */
void say_set_log(enum say_format format, enum say_level most);

/* Says what could not be said, if it can be now, and ends the log. No other thread says anything
 * meanwhile. */
void say_end_log(void);

/* How many lines were left out since the process began.
 * Thread: any. */
uint64_t say_left_out(void);

#endif
