/* say.h - what the command says to a person when something is wrong: one line on standard error. */
#ifndef HARK_COMMAND_SAY_H
#define HARK_COMMAND_SAY_H

/* The exit codes of every command. */
enum exit_code {
    EXIT_DONE = 0,    /* it did what was asked */
    EXIT_REFUSED = 1, /* the machine, the server or a peer did not let it */
    EXIT_USAGE = 2,   /* the command line or the configuration makes no sense */
};

/* Prints "hark: " and the text, ended by a newline. Takes: what failed, on what, why, and what to do, in one line. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
