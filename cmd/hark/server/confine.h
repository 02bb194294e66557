/* confine.h - the server's sandbox: what it gives up at its start, because it will not need it.
 *
 * Files come first, before there is another thread, since the kernel binds only those that are
 * started later; system calls once the loops have their rings, since none is made later: a filter
 * binds all threads. */
#ifndef HARK_COMMAND_SERVER_CONFINE_H
#define HARK_COMMAND_SERVER_CONFINE_H

#include "server/listeners.h"
#include "server/options.h"

/* Zeroed at first. All private. */
struct confinement {
    int version; /* of Landlock, if it holds; else 0 */
};

/* Gives up files and ports that no option names. Makes the data directory, where it is missing.
 * Takes: listeners: looked up.
 * Gives: 0; or an exit code, and why was said. */
int confine_files(struct confinement *confinement, const struct serve_options *options,
                  const struct listeners *listeners);

/* What the loops' rings may be asked for: hark_options.kinds. */
uint64_t confine_kinds(const struct serve_options *options);

/* Gives up the system calls of all threads that a running server does not make; and says what the
 * sandbox is.
 * Gives: as above. */
int confine_calls(const struct confinement *confinement, const struct serve_options *options);

#endif
