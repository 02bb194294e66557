/* opened.h - an open file that a name led to: of a regular file, a directory, or whatever it is
 * where it was opened with O_PATH. */
#ifndef SIM_DISK_OPENED_H
#define SIM_DISK_OPENED_H

#include "sim/disk/disk_state.h"
#include "sim/file/file.h"

struct opened {
    struct file file;
    struct inode *inode;
    struct opened *next, *previous; /* of the inode */
    int64_t offset;                 /* of a directory: the cookie up to which it was listed */
    uint32_t errors;                /* of writing back, that it was told of: errseq_sample */
    int lock;                       /* flock.c: LOCK_SH, LOCK_EX, 0 */
};

/* Takes: flags: of open(2).
 * Gives: 0 and *out_file.
 * Fails: as pipe_open_named. */
int opened_create(struct inode *inode, int flags, struct file **out_file);

/* NULL: a file of another kind. */
struct opened *opened_of(struct file *file);

/* The error of writing back that it was not told of yet, once: 0 or negative. */
int opened_take_error(struct opened *opened);

/* Whoever waits for something of the inode, such as a lock, looks again. */
void opened_wake(struct inode *inode);

/* lseek(2). Gives: the position. Fails: -ESPIPE it is of another kind; -EINVAL. */
int64_t opened_seek(struct file *file, int64_t offset, int whence);

/* For a write, and for a cut: times, and who watches. */
void opened_modified(struct inode *inode);
void opened_cut(struct inode *inode);

#endif
