/* server.h - the server: `hark serve`. It listens for HTTP and for lines, follows files, keeps
 * events in the log, and sleeps until something happens. The command line fills the options;
 * everything else is behind serve_run. */
#ifndef HARK_COMMAND_SERVER_SERVER_H
#define HARK_COMMAND_SERVER_SERVER_H

#include "server/options.h"

/* Runs the server until a signal ends it, in order. It prints on standard error what it listens on
 * and, where it fails, one line that says what failed, on what, why, and what to do.
 * Takes: options of which texts and numbers are not yet checked.
 * Gives: the exit code: 0 ended in order; 1 the environment refused (a used port, a second
 *   instance, an unwritable directory); 2 an option makes no sense. */
int serve_run(const struct serve_options *options);

#endif
