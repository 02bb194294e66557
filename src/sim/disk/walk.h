/* walk.h - from a path to what it names: path_resolution(7). */
#ifndef SIM_DISK_WALK_H
#define SIM_DISK_WALK_H

#include "sim/disk/disk_state.h"

#include <limits.h>

enum walk_last { WALK_NAME, WALK_DOT, WALK_DOT_DOT, WALK_ROOT };

/* How. */
enum {
    WALK_FOLLOW = 1, /* a link at the end is followed */
    WALK_EMPTY = 2,  /* an empty path names the directory, or file, itself */
    WALK_LAST = 4,   /* the last name is what is asked for: a slash behind it follows no link */
};

struct way {
    struct inode *directory; /* that the last name is in; where that is no name, the thing itself */
    char name[NAME_MAX + 1];
    enum walk_last last;
    bool slash;          /* behind the last name */
    struct inode *found; /* NULL: nothing stands there */
};

/* Whether a process has memory where its path should be: else -EFAULT. */
bool walk_can_read(const char *path);

/* Takes: directory: a descriptor or AT_FDCWD; resolve: of openat2(2).
 * Gives: 0 and *out_way, in which nothing is held; whether something was found tells `found`.
 * Fails: -ENOENT a name before the last, -ENOTDIR, -ELOOP, -ENAMETOOLONG, -EBADF; -EXDEV and
 *   -EAGAIN as resolve has it. */
int walk(struct process *process, int directory, const char *path, int how, uint64_t resolve,
         struct way *out_way);

/* The same for a path whose end has to be there: -ENOENT. A slash at the end wants a directory:
 * -ENOTDIR. */
int walk_to(struct process *process, int directory, const char *path, int how, uint64_t resolve,
            struct inode **out_inode);

#endif
