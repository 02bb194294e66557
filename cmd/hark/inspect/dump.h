/* dump.h - `hark log dump`: prints what a data directory holds, a line of JSON for each stream and
 * each event. */
#ifndef HARK_COMMAND_INSPECT_DUMP_H
#define HARK_COMMAND_INSPECT_DUMP_H

#include <stddef.h>

/* Takes: name: of the one stream that is wanted; NULL: of all, but for the program's own.
 * Gives: the exit code of `hark log`. */
int dump_directory(const char *path, const char *name);

#endif
