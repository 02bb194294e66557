/* glob.h - patterns over the paths of streams, as the Durable Streams protocol has them.
 *
 * Thread, for every function here: any. */
#ifndef HARK_COMMAND_SUBSCRIPTIONS_GLOB_H
#define HARK_COMMAND_SUBSCRIPTIONS_GLOB_H

#include <stdbool.h>

/* Whether it is a pattern: parts between slashes, each a part of a stream's name, or *, or **. */
bool glob_valid(const char *pattern);

/* Whether a pattern matches a path: * stands for one part of it, ** for any number of them, none
 * too.
 * Takes: a valid pattern; a stream's name. */
bool glob_matches(const char *pattern, const char *path);

#endif
