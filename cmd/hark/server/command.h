/* command.h - the command line of `hark serve`. */
#ifndef HARK_COMMAND_SERVER_COMMAND_H
#define HARK_COMMAND_SERVER_COMMAND_H

#include "options/options.h"

extern const struct options_command options_serve;

/* Runs `hark serve`.
 * Takes: argv[0] "serve".
 * Gives: the exit code. */
int options_serve_run(int argc, char **argv);

/* Runs `hark serve`'s parsing alone, for tests.
 * Takes: run: called with what was parsed, its answer is given on. */
struct serve_options;
int options_serve_parse(int argc, char **argv, int (*run)(const struct serve_options *options));

#endif
