/* calls.h - ops one after another, for a command that has nothing else to do meanwhile. */
#ifndef HARK_COMMAND_INSPECT_CALLS_H
#define HARK_COMMAND_INSPECT_CALLS_H

#include <stdbool.h>

#include "hark.h"

/* The loop, and the one op that is under way on it. */
struct calls {
    struct hark_loop *loop;
    struct hark_op op;
    struct hark_copy copy;
    int64_t result;
    bool ended;
};

/* Each waits for its end, and gives what its op of hark/file.h gives: a negative errno where it
 * failed. */
int64_t calls_open(struct calls *calls, int directory, const char *path, int flags, mode_t mode);
int64_t calls_read(struct calls *calls, int fd, void *bytes, size_t count, int64_t offset);
int64_t calls_write(struct calls *calls, int fd, const void *bytes, size_t count, int64_t offset);
int64_t calls_sync(struct calls *calls, int fd);
int64_t calls_rename(struct calls *calls, int directory, const char *from, const char *to);
int64_t calls_unlink(struct calls *calls, int directory, const char *name);
int64_t calls_mkdir(struct calls *calls, const char *path, mode_t mode);
int64_t calls_getdents(struct calls *calls, int fd, void *bytes, size_t count);
void calls_close(struct calls *calls, int fd);

/* hark_copy_start, of one file.
 * Gives: 0, or the error. */
int64_t calls_copy(struct calls *calls, int from_directory, const char *from, int to_directory,
                   const char *to);

#endif
