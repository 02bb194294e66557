/* moved.h - of what moves bytes, connections and ends: whether it moved all that was asked for, and
 * what followed on what on one descriptor. */
#ifndef DRIFT_MOVED_H
#define DRIFT_MOVED_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* How many bytes a vector asks for. */
size_t moved_bytes(const struct iovec *vector, size_t count);

/* How a result is told: its error, "0", "all" of what was wanted, or "part".
 * Takes: wanted: 0: nobody knows. */
const char *moved_outcome(size_t wanted, int64_t result);

/* Something was done with what is, or was, open under a number.
 * Takes: file: as record_file gives it; what: "in", "out", "connect" and the like, or with a word
 *   before it, where it is not to be mixed with others of the same name. */
void moved_note(const char *kind, int fd, uint64_t file, const char *what, const char *outcome);

#endif
