/* directory.h - where the rings of a run are kept. */
#ifndef HARK_COMMAND_TRACE_DIRECTORY_H
#define HARK_COMMAND_TRACE_DIRECTORY_H

#include <limits.h>
#include <stdbool.h>

/* In the caller's memory, zeroed. */
struct trace_directory {
    char path[PATH_MAX];
    bool temporary;
    int lock; /* of a temporary one, for as long as this process runs; 0: none */
};

/* Makes one.
 * Takes: keep: the one to use, which is made if it is not there; NULL: a temporary one, in memory
 *   if there is room; those that a process of this user has left behind, because it was killed, are
 *   removed.
 * Gives: 0; a negative errno after a line that says why. */
int trace_directory_make(struct trace_directory *directory, const char *keep);

/* Removes a temporary one with the files in it. */
void trace_directory_remove(struct trace_directory *directory);

#endif
