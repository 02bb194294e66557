/* names_facts.c - the calls of names.h on what is known of a file: the refusals of fs/open.c,
 * fs/utimes.c and fs/xattr.c of Linux 6.18 in their order. Root may do all of it. */
#include "sim/disk/facts.h"
#include "sim/disk/inotify.h"
#include "sim/disk/names.h"
#include "sim/disk/opened.h"
#include "sim/disk/walk.h"
#include "sim/net/pipe.h"
#include "sim/world/process.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/xattr.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/xattr.h>

static const int known_flags = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;

/* Whether an open file without an inode takes a mode, an owner and times: sockets and pipes do, and
 * this kernel tells nobody; the others refuse (anon_inode_setattr). */
static bool takes_facts(struct file *file)
{
    struct stat status = {0};
    if (file->kind->status)
        file->kind->status(file, &status);
    return S_ISSOCK(status.st_mode) || S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode);
}

/* What the path, or the descriptor, is. Gives: 0 and *out_inode, NULL: an open file without. */
static int find(struct process *process, int directory, const char *path, int flags,
                struct inode **out_inode)
{
    if (flags & ~known_flags)
        return -EINVAL;
    bool itself = flags & AT_EMPTY_PATH && !*path;
    struct file *file = itself ? descriptors_find(&process->descriptors, directory) : NULL;
    if (file && !opened_of(file) && !pipe_inode(file)) {
        *out_inode = NULL;
        return takes_facts(file) ? 0 : -EOPNOTSUPP;
    }
    int how =
        (flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0);
    return walk_to(process, directory, path, how, 0, out_inode);
}

static void changed(struct inode *inode, uint32_t events)
{
    inode->changed_ns = disk_clock(inode->disk);
    inotify_tell_always(inode, events | (S_ISDIR(inode->mode) ? (uint32_t)IN_ISDIR : 0u));
}

/* --- mode, owner --- */

int names_set_mode(struct process *process, int directory, const char *path, mode_t mode, int flags)
{
    struct inode *inode;
    int error = find(process, directory, path, flags, &inode);
    if (!error && inode && S_ISLNK(inode->mode))
        error = -EOPNOTSUPP;
    if (error || !inode)
        return error;
    facts_change(inode);
    inode->mode = (inode->mode & S_IFMT) | (mode & 07777);
    changed(inode, IN_ATTRIB);
    return 0;
}

/* setattr_should_drop_sgid: it means something else where the group may not execute. */
static mode_t without_rights(mode_t mode)
{
    if (S_ISDIR(mode))
        return mode;
    return mode & ~(mode_t)(S_ISUID | (mode & S_IXGRP ? S_ISGID : 0));
}

int names_set_owner(struct process *process, int directory, const char *path, uid_t owner,
                    gid_t group, int flags)
{
    struct inode *inode;
    int error = find(process, directory, path, flags, &inode);
    if (error || !inode)
        return error;
    mode_t mode = without_rights(inode->mode);
    bool is_told = owner != (uid_t)-1 || group != (gid_t)-1 || mode != inode->mode;
    if (!S_ISDIR(mode))
        facts_drop_capabilities(inode);
    facts_change(inode);
    inode->mode = mode;
    if (owner != (uid_t)-1)
        inode->owner = owner;
    if (group != (gid_t)-1)
        inode->group = group;
    if (is_told)
        changed(inode, IN_ATTRIB);
    else
        inode->changed_ns = disk_clock(inode->disk);
    return 0;
}

/* --- times --- */

static bool is_time(const struct timespec *time)
{
    return time->tv_nsec == UTIME_NOW || time->tv_nsec == UTIME_OMIT ||
           (time->tv_nsec >= 0 && time->tv_nsec < 1000000000);
}

/* What the disk can keep: from 1901 on, as ext4, up to 2262, what 64 bits hold. At both ends no
 * parts of a second are left (timestamp_truncate). */
static int64_t kept_time(const struct timespec *time)
{
    const int64_t second_ns = 1000000000, least = INT32_MIN, most = INT64_MAX / second_ns;
    int64_t seconds = time->tv_sec;
    if (seconds <= least || seconds >= most)
        return (seconds <= least ? least : most) * second_ns;
    return seconds * second_ns + time->tv_nsec;
}

static void set_time(const struct inode *inode, int64_t *at, const struct timespec *time)
{
    if (time->tv_nsec == UTIME_NOW)
        *at = disk_clock(inode->disk);
    else if (time->tv_nsec != UTIME_OMIT)
        *at = kept_time(time);
}

/* fsnotify_change. */
static uint32_t events_of(const struct timespec times[2])
{
    bool read = times[0].tv_nsec != UTIME_OMIT, written = times[1].tv_nsec != UTIME_OMIT;
    return read && written ? IN_ATTRIB : read ? IN_ACCESS : IN_MODIFY;
}

int names_set_times(struct process *process, int directory, const char *path,
                    const struct timespec *times, int flags)
{
    static const struct timespec both_now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
    struct inode *inode;
    if (!times)
        times = both_now;
    if (times[0].tv_nsec == UTIME_OMIT && times[1].tv_nsec == UTIME_OMIT)
        return 0; /* nothing is looked at */
    int error = find(process, directory, path, flags, &inode);
    if (!error && (!is_time(&times[0]) || !is_time(&times[1])))
        error = -EINVAL;
    if (error || !inode)
        return error;
    facts_change(inode);
    set_time(inode, &inode->read_ns, &times[0]);
    set_time(inode, &inode->written_ns, &times[1]);
    changed(inode, events_of(times));
    return 0;
}

/* --- extended attributes --- */

/* import_xattr_name. */
static int look_at_name(const char *name)
{
    if (!walk_can_read(name))
        return -EFAULT;
    size_t length = strnlen(name, XATTR_NAME_MAX + 1);
    return length == 0 || length > XATTR_NAME_MAX ? -ERANGE : 0;
}

/* An open file, but no place: getxattrat(2) of a descriptor is fgetxattr(2). What has no inode has
 * no attributes either. */
static int find_with_attributes(struct process *process, int directory, const char *path, int flags,
                                struct inode **out_inode)
{
    if (flags & AT_EMPTY_PATH && !*path && directory >= 0) {
        const struct file *file = descriptors_find(&process->descriptors, directory);
        if (!file || file->flags & O_PATH)
            return -EBADF;
    }
    *out_inode = NULL;
    int error = find(process, directory, path, flags, out_inode);
    return error == -EOPNOTSUPP ? 0 : error;
}

static bool begins(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

/* cap_convert_nscap: capabilities of a file have a form, those of a user namespace another. */
static int look_at_value(const char *name, const void *value, size_t size)
{
    struct vfs_ns_cap_data data = {0};
    if (size == 0 || strcmp(name, XATTR_NAME_CAPS) != 0)
        return 0;
    memcpy(&data, value, size < sizeof data ? size : sizeof data);
    uint32_t revision = le32toh(data.magic_etc) & VFS_CAP_REVISION_MASK;
    bool fits = (size == XATTR_CAPS_SZ_2 && revision == VFS_CAP_REVISION_2) ||
                (size == XATTR_CAPS_SZ_3 && revision == VFS_CAP_REVISION_3);
    return fits ? 0 : -EINVAL;
}

/* xattr_permission, xattr_resolve_name. Takes: refusal: where that kind of file has none. */
static int look_at_kind(const struct inode *inode, const char *name, int refusal)
{
    static const char *const namespaces[] = {"user.", "trusted.", "security."};
    if (begins(name, "user.") && !(inode && (S_ISREG(inode->mode) || S_ISDIR(inode->mode))))
        return refusal;
    if (!inode)
        return -EOPNOTSUPP;
    for (size_t i = 0; i < sizeof namespaces / sizeof *namespaces; i++)
        if (begins(name, namespaces[i]))
            return name[strlen(namespaces[i])] ? 0 : -EINVAL;
    return -EOPNOTSUPP;
}

int names_set_attribute(struct process *process, int directory, const char *path, int flags,
                        const char *name, const void *value, size_t size, int how)
{
    struct inode *inode;
    if (how & ~(XATTR_CREATE | XATTR_REPLACE))
        return -EINVAL;
    int error = look_at_name(name);
    if (!error && size > XATTR_SIZE_MAX)
        error = -E2BIG;
    if (!error && size > 0 && !walk_can_read(value))
        error = -EFAULT;
    if (!error)
        error = find_with_attributes(process, directory, path, flags, &inode);
    if (!error)
        error = look_at_value(name, value, size);
    if (!error)
        error = look_at_kind(inode, name, -EPERM);
    if (error)
        return error;
    bool is_there = facts_find(inode, name);
    if (is_there && how & XATTR_CREATE)
        return -EEXIST;
    if (!is_there && how & XATTR_REPLACE)
        return -ENODATA;
    facts_change(inode);
    facts_set(inode, name, value, size);
    changed(inode, IN_ATTRIB);
    return 0;
}

int64_t names_get_attribute(struct process *process, int directory, const char *path, int flags,
                            const char *name, void *value, size_t size)
{
    struct inode *inode;
    int error = look_at_name(name);
    if (!error)
        error = find_with_attributes(process, directory, path, flags, &inode);
    if (!error)
        error = look_at_kind(inode, name, -ENODATA);
    if (error)
        return error;
    const struct attribute *attribute = facts_find(inode, name);
    if (!attribute)
        return -ENODATA;
    if (size > 0 && size < attribute->size)
        return -ERANGE;
    if (size == 0 || attribute->size == 0)
        return (int64_t)attribute->size;
    if (!walk_can_read(value))
        return -EFAULT;
    memcpy(value, attribute->value, attribute->size);
    return (int64_t)attribute->size;
}

int64_t names_list_attributes(struct process *process, int directory, const char *path, int flags,
                              char *names, size_t size)
{
    struct inode *inode;
    size_t filled = 0;
    int error = find_with_attributes(process, directory, path, flags, &inode);
    if (error || !inode)
        return error;
    size_t room = size < XATTR_LIST_MAX ? size : XATTR_LIST_MAX;
    if (inode->attributes && room > 0 && !walk_can_read(names))
        return -EFAULT;
    for (const struct attribute *at = inode->attributes; at; at = at->next) {
        size_t count = strlen(at->name) + 1;
        if (room > 0 && filled + count > room)
            return size < XATTR_LIST_MAX ? -ERANGE : -E2BIG;
        if (room > 0)
            memcpy(names + filled, at->name, count);
        filled += count;
    }
    return (int64_t)filled;
}

int names_remove_attribute(struct process *process, int directory, const char *path, int flags,
                           const char *name)
{
    struct inode *inode;
    int error = look_at_name(name);
    if (!error)
        error = find_with_attributes(process, directory, path, flags, &inode);
    if (!error)
        error = look_at_kind(inode, name, -EPERM);
    if (error)
        return error;
    if (!facts_find(inode, name))
        return -ENODATA;
    facts_change(inode);
    facts_remove(inode, name);
    changed(inode, IN_ATTRIB);
    return 0;
}
