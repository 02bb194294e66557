/* directory.h - the names in a directory, one after the other.
 *
 * Every function here blocks: they run on the work pool.
 */
#ifndef HARK_COMMAND_TAIL_DIRECTORY_H
#define HARK_COMMAND_TAIL_DIRECTORY_H

#include "hark.h"

enum { TAIL_DIRECTORY_BYTES = 32 * 1024 }; /* what is asked for at once: some 1,000 names */

/* Read from the outside: fd and error alone. */
struct tail_directory {
    int fd;    /* what names in it are opened from */
    int error; /* a negative errno: what made the names end early; 0: there are no more */
    size_t filled, at;
    _Alignas(uint64_t) char bytes[TAIL_DIRECTORY_BYTES];
};

/* Opens a directory.
 * Gives: 0; a negative errno: then there is nothing to be closed, and no name. */
int tail_directory_open(struct tail_directory *directory, const char *path);

/* Gives: true and the next entry, whose name stays until the next call; false: that was all, or
 * error. */
bool tail_directory_next(struct tail_directory *directory, struct hark_dirent *out_entry);

void tail_directory_close(struct tail_directory *directory);

#endif
