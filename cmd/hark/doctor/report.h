/* report.h - how the doctor's findings look: aligned rows with a mark, and advice below those that
 * want it. */
#ifndef HARK_COMMAND_DOCTOR_REPORT_H
#define HARK_COMMAND_DOCTOR_REPORT_H

#include <stdbool.h>

enum report_mark {
    REPORT_GOOD,    /* nothing to do */
    REPORT_NOTE,    /* works, but something is worth knowing */
    REPORT_PROBLEM, /* will not work as it is */
};

/* What was found so far. */
struct report {
    bool color;
    unsigned notes;
    unsigned problems;
};

/* Begins; in colour if standard output is a terminal that wants colours. */
void report_init(struct report *report);

/* Prints a heading. */
void report_heading(const struct report *report, const char *text);

/* Prints a row: a mark, what it is about, what was found; below it the advice (NULL: none; lines
 * are ended by \n). */
void report_row(struct report *report, enum report_mark mark, const char *what, const char *found,
                const char *advice);

#endif
