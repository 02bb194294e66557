/* command.h - `hark token`: makes a token, and the rule for it. */
#ifndef HARK_COMMAND_TOKEN_COMMAND_H
#define HARK_COMMAND_TOKEN_COMMAND_H

#include "options/options.h"

extern const struct options_command token_options;

/* Runs `hark token`. Takes: argv[0] "token". Gives: the exit code. */
int token_run(int argc, char **argv);

#endif
