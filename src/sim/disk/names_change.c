/* names_change.c - renaming, removing and making names: the refusals of fs/namei.c in their
 * order. */
#include "sim/disk/directory.h"
#include "sim/disk/inode.h"
#include "sim/disk/names.h"
#include "sim/disk/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { UMASK = 022 };

static bool is_directory(const struct inode *inode)
{
    return S_ISDIR(inode->mode);
}

/* --- making --- */

int names_make_directory(struct process *process, int directory, const char *path, mode_t mode)
{
    struct way way;
    int error = walk(process, directory, path, WALK_LAST, 0, &way);
    if (error)
        return error;
    if (way.found)
        return -EEXIST;
    if (!way.directory->linked)
        return -ENOENT;
    struct inode *made = inode_create_in(way.directory, S_IFDIR | (mode & 01777 & ~(mode_t)UMASK));
    directory_add(way.directory, way.name, made);
    inode_release(made);
    return 0;
}

int names_make_pipe(struct process *process, int directory, const char *path, mode_t mode)
{
    struct way way;
    int error = walk(process, directory, path, WALK_LAST, 0, &way);
    if (error)
        return error;
    if (way.found)
        return -EEXIST;
    if (way.slash || !way.directory->linked)
        return -ENOENT;
    struct inode *made = inode_create_in(way.directory, S_IFIFO | (mode & 07777 & ~(mode_t)UMASK));
    directory_add(way.directory, way.name, made);
    inode_release(made);
    return 0;
}

/* --- removing --- */

static int remove_directory(const struct way *way)
{
    if (way->last != WALK_NAME)
        return way->last == WALK_DOT ? -EINVAL : way->last == WALK_DOT_DOT ? -ENOTEMPTY : -EBUSY;
    if (!way->found)
        return -ENOENT;
    if (!is_directory(way->found))
        return -ENOTDIR;
    if (way->found->entries.count > 0)
        return -ENOTEMPTY;
    directory_remove(way->directory, way->name);
    return 0;
}

static int remove_file(const struct way *way)
{
    if (way->last != WALK_NAME)
        return -EISDIR;
    if (!way->found)
        return -ENOENT;
    if (is_directory(way->found))
        return -EISDIR;
    if (way->slash)
        return -ENOTDIR;
    directory_remove(way->directory, way->name);
    return 0;
}

int names_unlink(struct process *process, int directory, const char *path, int flags)
{
    struct way way;
    if (flags & ~AT_REMOVEDIR)
        return -EINVAL;
    int error = walk(process, directory, path, WALK_LAST, 0, &way);
    if (error)
        return error;
    return flags & AT_REMOVEDIR ? remove_directory(&way) : remove_file(&way);
}

/* --- renaming --- */

static bool is_within(const struct inode *inode, const struct inode *directory)
{
    while (inode && inode != directory)
        inode = inode->parent;
    return inode;
}

/* What stands at both ends, and slashes. */
static int look_at_ends(const struct way *from, const struct way *to, unsigned flags)
{
    bool exchange = flags & RENAME_EXCHANGE;
    if (from->last != WALK_NAME)
        return -EBUSY;
    if (to->last != WALK_NAME)
        return flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
    if (!from->found)
        return -ENOENT;
    if (flags & RENAME_NOREPLACE && to->found)
        return -EEXIST;
    if (exchange && !to->found)
        return -ENOENT;
    if (exchange && !is_directory(to->found) && to->slash)
        return -ENOTDIR;
    if (!is_directory(from->found) && (from->slash || (!exchange && to->slash)))
        return -ENOTDIR;
    if (is_directory(from->found) && is_within(to->directory, from->found))
        return -EINVAL;
    if (to->found && is_directory(to->found) && is_within(from->directory, to->found))
        return exchange ? -EINVAL : -ENOTEMPTY;
    return 0;
}

static int look_at_kinds(const struct way *from, const struct way *to, unsigned flags)
{
    if (!from->directory->linked || !to->directory->linked)
        return -ENOENT;
    if (!to->found || flags & RENAME_EXCHANGE)
        return 0;
    if (is_directory(from->found) && !is_directory(to->found))
        return -ENOTDIR;
    if (!is_directory(from->found) && is_directory(to->found))
        return -EISDIR;
    return to->found->entries.count > 0 ? -ENOTEMPTY : 0;
}

int names_rename(struct process *process, int from, const char *old, int to, const char *new,
                 unsigned flags)
{
    struct way old_way = {0};
    struct way new_way = {0};
    if (flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE) ||
        (flags & RENAME_NOREPLACE && flags & RENAME_EXCHANGE))
        return -EINVAL;
    int error = walk_can_read(new) ? walk(process, from, old, WALK_LAST, 0, &old_way) : -EFAULT;
    if (!error)
        error = walk(process, to, new, WALK_LAST, 0, &new_way);
    if (!error)
        error = look_at_ends(&old_way, &new_way, flags);
    if (error || old_way.found == new_way.found)
        return error;
    error = look_at_kinds(&old_way, &new_way, flags);
    if (error)
        return error;
    directory_rename(old_way.directory, old_way.name, new_way.directory, new_way.name,
                     (flags & RENAME_EXCHANGE) != 0);
    return 0;
}

/* --- links --- */

int names_make_link(struct process *process, const char *target, int directory, const char *path)
{
    struct way way;
    if (!walk_can_read(target))
        return -EFAULT;
    if (!*target)
        return -ENOENT;
    if (strlen(target) >= PATH_MAX)
        return -ENAMETOOLONG;
    int error = walk(process, directory, path, WALK_LAST, 0, &way);
    if (error)
        return error;
    if (way.found)
        return -EEXIST;
    if (way.slash || !way.directory->linked)
        return -ENOENT;
    struct inode *link = inode_create_in(way.directory, S_IFLNK | 0777);
    link->target = memory_own(strlen(target) + 1);
    memcpy(link->target, target, strlen(target) + 1);
    directory_add(way.directory, way.name, link);
    inode_release(link);
    return 0;
}

/* The file, and a name for it that is free. */
static int look_at_link(struct inode *inode, const struct way *way)
{
    if (way->found || way->last != WALK_NAME)
        return -EEXIST;
    if (way->slash || !way->directory->linked)
        return -ENOENT;
    if (is_directory(inode))
        return -EPERM;
    return inode->linked || inode->linkable ? 0 : -ENOENT;
}

int names_link(struct process *process, int from, const char *old, int to, const char *new,
               int flags)
{
    struct way way;
    struct inode *inode;
    if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    int how =
        (flags & AT_SYMLINK_FOLLOW ? WALK_FOLLOW : 0) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0);
    int error = walk_can_read(new) ? walk_to(process, from, old, how, 0, &inode) : -EFAULT;
    if (!error)
        error = walk(process, to, new, WALK_LAST, 0, &way);
    if (!error)
        error = look_at_link(inode, &way);
    if (!error)
        directory_link(way.directory, way.name, inode);
    return error;
}

int hark_sim_link(struct hark_sim_machine *machine, const char *target, const char *path)
{
    struct process scene = {.machine = (struct machine *)machine}; /* without descriptors */
    return *path == '/' ? names_make_link(&scene, target, AT_FDCWD, path) : -EINVAL;
}
