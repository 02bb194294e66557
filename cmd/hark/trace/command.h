/* command.h - `hark trace`. */
#ifndef HARK_COMMAND_TRACE_COMMAND_H
#define HARK_COMMAND_TRACE_COMMAND_H

#include "options/options.h"

extern const struct options_command trace_options;

/* Takes: argv[0] "trace".
 * Gives: the exit code: the traced COMMAND's, if there is one. */
int trace_run(int argc, char **argv);

#endif
