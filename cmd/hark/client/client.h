/* client.h - `hark pub` and `hark sub`: clients of a server's lines port (wire/lines.h has the
 * protocol). */
#ifndef HARK_COMMAND_CLIENT_CLIENT_H
#define HARK_COMMAND_CLIENT_CLIENT_H

#include "options/options.h"

extern const struct options_command client_pub_options;
extern const struct options_command client_sub_options;

/* Run `hark pub` and `hark sub`. Take: argv[0] the command's name. Give: the exit code. */
int client_pub_run(int argc, char **argv);
int client_sub_run(int argc, char **argv);

#endif
