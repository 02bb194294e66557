/* files.h - conveniences over the ops of file.h: a whole file read, a file replaced by a new one at
 * once, and a directory made for oneself.
 *
 * All are in the caller's memory, zeroed before their first use; `op` is there to be cancelled
 * and to be given a deadline, as that of any request. `done` is called once, by hark_run, when
 * nothing is open any more.
 */
#ifndef HARK_FILES_H
#define HARK_FILES_H

#include "op.h"
#include <sys/types.h>

HARK_BEGIN

/* --- reading --- */

struct hark_file_read;

/* Takes: error: 0 or a negative errno. */
typedef void hark_file_read_done(struct hark_file_read *reading, int error);

/* `context` is the caller's, `loop` may be read. */
struct hark_file_read {
    struct hark_op op;
    void *context;
    struct hark_loop *loop;
    /* From `done` on the caller's, to be freed with free(3): the content, and a null byte behind
     * it, which does not count. NULL after an error. */
    char *bytes;
    size_t count;
    hark_file_read_done *done; /* private, as all below */
    struct hark_op step;
    size_t bytes_max, room;
    int fd;
    int error;
    bool finished;
};

/* Reads all of a file, up to where a read gives nothing more: one that grows meanwhile, and one
 * whose length nobody tells, as in /proc, as well.
 * Takes: directory: a descriptor, which stays open, or AT_FDCWD; path: the loop's until `done`;
 *   bytes_max: from 0 to SIZE_MAX / 4.
 * Owns: `reading` is the library's until `done`; reading->bytes are the caller's then.
 * Gives: reading->bytes and reading->count.
 * Fails: as hark_openat and hark_read: -ENOENT, -EACCES, -EISDIR; -EFBIG there are more than
 *   bytes_max bytes; -ENOMEM; -EINVAL bytes_max; -ECANCELED after hark_cancel(&reading->op),
 *   -ETIMEDOUT past hark_op_deadline(&reading->op, ...). */
HARK_API void hark_file_read_start(struct hark_loop *loop, struct hark_file_read *reading,
                                   int directory, const char *path, size_t bytes_max,
                                   hark_file_read_done *done);

/* --- replacing --- */

struct hark_file_replace;

/* Takes: error: 0 or a negative errno. */
typedef void hark_file_replace_done(struct hark_file_replace *replacing, int error);

enum { HARK_FILE_TEMPORARY_MAX = 32 };

/* What the new file is to have of the old one, if that is a regular file. */
enum hark_file_keeps {
    HARK_FILE_KEEP_MODE = 1, /* its permissions, in the place of those that are given */
    HARK_FILE_KEEP_OWNER = 2,
    HARK_FILE_KEEP_ATTRIBUTES = 4, /* extended ones, as far as may be set: all of the users' */
};

struct hark_file_kept;

/* `context` is the caller's, `loop` may be read. */
struct hark_file_replace {
    struct hark_op op;
    void *context;
    struct hark_loop *loop;
    uint32_t keeps; /* enum hark_file_keeps: the caller's to set before the start */
    /* Whether the new file stands under its name: in `done` with an error, too, if only what came
     * behind the rename failed, so that a loss of power may still bring the old one back. */
    bool replaced;
    hark_file_replace_done *done; /* private, as all below */
    struct hark_op step;
    const char *bytes;
    size_t count, written;
    char *text;
    const char *name;
    char temporary[HARK_FILE_TEMPORARY_MAX];
    mode_t mode;
    int directory, fd;
    int error;
    unsigned tries;
    bool made, finished;
    struct hark_file_kept *kept;
};

/* Writes a file anew, or for the first time, so that nobody ever sees a part of it: into a
 * temporary file beside it, which is synced and then renamed; then the directory is synced. After a
 * crash, or a loss of power, the old content is there or the new one, whole; after `done` with 0 it
 * is the new one. A crash may leave the temporary, whose name is .hark- and 16 digits.
 * Takes: directory: a descriptor, which stays open, or AT_FDCWD; path: the file, copied (a symbolic
 *   link is replaced itself, not what it leads to); bytes, count: what it is to hold, the loop's
 *   until `done`; mode: its permissions, of which the umask takes its own, as with openat(2).
 *   Those of the old file, its owner and its extended attributes are kept where replacing->keeps
 *   says so; its other names never are.
 * Owns: `replacing` is the library's until `done`.
 * Gives: replacing->replaced.
 * Fails: as hark_openat, hark_write, hark_fsync and hark_renameat: -ENOENT, -EACCES, -ENOSPC,
 *   -EDQUOT, -EIO, -EISDIR a directory is in its place; -EINVAL path ends in no name; -ENOMEM;
 *   of what is kept -EPERM the process may not give the file to its owner; -EOPNOTSUPP, -ENOSPC;
 *   -ECANCELED after hark_cancel(&replacing->op), -ETIMEDOUT past
 *   hark_op_deadline(&replacing->op, ...). The temporary is then removed, and unless `replaced` is
 *   true nothing has changed. */
HARK_API void hark_file_replace_start(struct hark_loop *loop, struct hark_file_replace *replacing,
                                      int directory, const char *path, const void *bytes,
                                      size_t count, mode_t mode, hark_file_replace_done *done);

/* --- a directory for oneself --- */

struct hark_mkdtemp;

/* Takes: error: 0 or a negative errno. */
typedef void hark_mkdtemp_done(struct hark_mkdtemp *making, int error);

/* `context` is the caller's, `loop` may be read; all else is private. */
struct hark_mkdtemp {
    struct hark_op op;
    void *context;
    struct hark_loop *loop;
    hark_mkdtemp_done *done;
    char *path;
    int directory;
    int error;
    unsigned tries;
};

/* Makes a directory whose name nothing has and nobody guesses, for its owner alone (0700):
 * mkdtemp(3).
 * Takes: directory: a descriptor, which stays open, or AT_FDCWD; path: it ends in XXXXXX, in whose
 *   place the name's last letters come, and is the loop's until `done`.
 * Owns: `making` is the library's until `done`.
 * Fails: as hark_mkdirat: -ENOENT, -EACCES, -ENOSPC; -EINVAL path does not end in XXXXXX; -EEXIST a
 *   hundred names are taken; -ECANCELED after hark_cancel(&making->op): it is not made; -ETIMEDOUT
 *   past hark_op_deadline(&making->op, ...). */
HARK_API void hark_mkdtemp_start(struct hark_loop *loop, struct hark_mkdtemp *making, int directory,
                                 char *path, hark_mkdtemp_done *done);

HARK_END

#endif
