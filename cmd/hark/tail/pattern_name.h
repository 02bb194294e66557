/* pattern_name.h - which paths are patterns, and the names of streams that come of them. */
#ifndef HARK_COMMAND_TAIL_PATTERN_NAME_H
#define HARK_COMMAND_TAIL_PATTERN_NAME_H

#include <stdbool.h>

enum { TAIL_PATTERN_FILES_MAX = 256 }; /* followed for one pattern */

/* Whether the last name of a path holds one of * ? [, and so is a pattern as fnmatch(3) has it. */
bool tail_is_pattern(const char *path);

/* Whether a text can be the stream of a pattern: a stream's name once {name}, if it is there, is
 * replaced. */
bool tail_pattern_stream_valid(const char *stream);

/* The stream of a file: {name} is replaced by the file's name, with _ for what no stream's name
 * holds.
 * Takes: pattern: valid; stream of NAME_BYTES_MAX + 1. */
void tail_pattern_stream_of(const char *pattern, const char *name, char *stream);

#endif
