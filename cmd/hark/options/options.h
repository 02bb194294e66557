/* options.h - the command line of one command, by its table. */
#ifndef HARK_COMMAND_OPTIONS_OPTIONS_H
#define HARK_COMMAND_OPTIONS_OPTIONS_H

#include "options/memory.h"
#include "options/table.h"

/* Reads the command line, and the configuration file that it names. An option on the command line
 * replaces whatever the file says for it.
 * Takes: memory: NULL where the command takes no file. argv[0] the command's name; the order of
 *   argv's elements is changed. target: handed to each row's set.
 * Gives: true and *out_found: all is set, go on. False and *out_code: the help that was asked for
 *   was printed, or what is wrong was said; the command ends with that. */
bool options_parse(const struct options_command *command, struct options_memory *memory, int argc,
                   char **argv, void *target, struct options_found *out_found, int *out_code);

/* Prints the whole help of a command on standard output. */
void options_help(const struct options_command *command);

#endif
