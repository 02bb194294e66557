/* standard.h - standard input, output and error: that they are there, and that what was printed has
 * arrived. */
#ifndef HARK_COMMAND_BASE_STANDARD_H
#define HARK_COMMAND_BASE_STANDARD_H

/* Opens those of the three that are closed, before anything else takes their numbers: on /dev/null,
 * so that reading the first and writing the second fails.
 * Gives: 0, or an exit code. */
int standard_open_missing(void);

/* Writes out and closes standard output, and says what failed.
 * Takes: the exit code so far.
 * Gives: the exit code. */
int standard_end_output(int code);

#endif
