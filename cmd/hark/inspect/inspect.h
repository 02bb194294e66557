/* inspect.h - `hark log check`: reads a data directory whole, and tells what is damaged or lost. */
#ifndef HARK_COMMAND_INSPECT_INSPECT_H
#define HARK_COMMAND_INSPECT_INSPECT_H

#include "options/options.h"

extern const struct options_command inspect_options;

/* Runs `hark log`.
 * Takes: argv[0] "log".
 * Gives: the exit code: 0 all is whole; 1 something is damaged or lost; 2 wrong usage; 3 the
 *   directory cannot be read. */
int inspect_run(int argc, char **argv);

#endif
