/* config.h - the configuration file: the options of a command, one a line. */
#ifndef HARK_COMMAND_OPTIONS_CONFIG_H
#define HARK_COMMAND_OPTIONS_CONFIG_H

#include "options/memory.h"
#include "options/table.h"

/* Reads NAME = VALUE lines and sets them. A section, [serve], may stand above them; other sections,
 * lines that begin with a blank and values in quotes are refused.
 * Takes: named: by row, true where the command line has the option, so that the file's is passed
 *   over.
 * Gives: OPTIONS_GO, or OPTIONS_WRONG after one line that names file, line and cause. */
enum options_outcome options_config_read(const struct options_command *command,
                                         struct options_memory *memory, const char *path,
                                         const bool *named, void *target);

#endif
