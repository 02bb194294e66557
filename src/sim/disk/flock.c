/* flock.c - a lock is the open file's: it lasts until the last descriptor of that goes. A lock that
 * is changed is given up first, so another may come between (flock(2)). */
#include "sim/disk/flock.h"
#include "sim/disk/opened.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

static bool is_held_by_others(const struct opened *opened, int wanted)
{
    for (const struct opened *other = opened->inode->files; other; other = other->next)
        if (other != opened && other->lock && (wanted == LOCK_EX || other->lock == LOCK_EX))
            return true;
    return false;
}

bool flock_is_known(int operation)
{
    int wanted = operation & ~LOCK_NB;
    return wanted == LOCK_SH || wanted == LOCK_EX || wanted == LOCK_UN;
}

int flock_try(struct file *file, int operation)
{
    struct opened *opened = opened_of(file);
    int wanted = operation & ~LOCK_NB;
    if (!flock_is_known(operation))
        return -EINVAL;
    if (!opened)
        return 0; /* of what has no name it is nobody else's */
    if (file->flags & O_PATH)
        return -EBADF;
    if (opened->lock && opened->lock != wanted) {
        opened->lock = 0;
        opened_wake(opened->inode);
    }
    if (wanted == LOCK_UN || opened->lock == wanted)
        return 0;
    if (is_held_by_others(opened, wanted))
        return -EAGAIN;
    opened->lock = wanted;
    return 0;
}
