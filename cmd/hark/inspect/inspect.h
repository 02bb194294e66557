/* inspect.h - `hark log`: looks into a data directory that no server uses. */
#ifndef HARK_COMMAND_INSPECT_INSPECT_H
#define HARK_COMMAND_INSPECT_INSPECT_H

#include "options/options.h"

extern const struct options_command inspect_options;

/* Runs `hark log`.
 * Takes: argv[0] "log".
 * Gives: the exit code: 0 all is whole; 1 something is damaged or lost, or could not be printed; 2
 *   wrong usage; 3 the directory cannot be read. */
int inspect_run(int argc, char **argv);

#endif
