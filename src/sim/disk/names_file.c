/* names_file.c - the calls of names.h on open files. */
#include "sim/disk/changes.h"
#include "sim/disk/entries.h"
#include "sim/disk/facts.h"
#include "sim/disk/inode.h"
#include "sim/disk/inotify.h"
#include "sim/disk/names.h"
#include "sim/disk/opened.h"
#include "sim/disk/pages.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/inotify.h>

static bool is_writable(const struct file *file)
{
    return (file->flags & O_ACCMODE) != O_RDONLY && !(file->flags & O_PATH);
}

static bool is_readable(const struct file *file)
{
    return (file->flags & O_ACCMODE) != O_WRONLY && !(file->flags & O_PATH);
}

/* --- syncing --- */

/* A sync of the data brings the length, too: fdatasync(2). Names: see changes.c. */
int names_sync(struct file *file, bool data_alone)
{
    struct opened *opened = opened_of(file);
    if (!opened)
        return -EINVAL;
    if (file->flags & O_PATH)
        return -EBADF;
    struct inode *inode = opened->inode;
    if (S_ISCHR(inode->mode))
        return -EINVAL;
    if (S_ISDIR(inode->mode)) {
        changes_sync(inode->disk, inode);
        facts_sync(inode);
        return 0;
    }
    pages_sync(inode);
    changes_sync_file(inode->disk, inode);
    int error = opened_take_error(opened);
    if (!error && !data_alone)
        facts_sync(inode);
    return error;
}

/* --- lengths --- */

int names_truncate(struct file *file, int64_t length)
{
    struct opened *opened = opened_of(file);
    if (length < 0)
        return -EINVAL;
    if (file->flags & O_PATH)
        return -EBADF;
    if (!opened || !is_writable(file) || !S_ISREG(opened->inode->mode))
        return -EINVAL;
    if (length > pages_length_max)
        return -EFBIG;
    pages_truncate(opened->inode, length);
    opened_cut(opened->inode);
    return 0;
}

static int allocate(struct inode *inode, int mode, int64_t offset, int64_t count)
{
    int error = 0;
    if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
        pages_clear(inode, offset, count);
    if (!(mode & FALLOC_FL_PUNCH_HOLE))
        error = pages_allocate(inode, offset, count);
    if (!error && !(mode & FALLOC_FL_KEEP_SIZE) && offset + count > inode->length)
        pages_truncate(inode, offset + count);
    return error;
}

int names_allocate(struct file *file, int mode, int64_t offset, int64_t count)
{
    const int hole = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    struct opened *opened = opened_of(file);
    int kind = mode & ~FALLOC_FL_KEEP_SIZE;
    if (file->flags & O_PATH)
        return -EBADF;
    if (offset < 0 || count <= 0)
        return -EINVAL;
    if ((kind && kind != FALLOC_FL_ZERO_RANGE && kind != FALLOC_FL_PUNCH_HOLE) ||
        (kind == FALLOC_FL_PUNCH_HOLE && mode != hole))
        return -EOPNOTSUPP;
    if (!is_writable(file))
        return -EBADF;
    if (!opened)
        return -ENODEV;
    if (offset > pages_length_max - count)
        return -EFBIG;
    int error = allocate(opened->inode, mode, offset, count);
    if (!error)
        opened_modified(opened->inode);
    return error;
}

/* --- what is in a directory --- */

struct list {
    char *bytes;
    size_t room, filled;
};

/* Gives: whether there was room. */
static bool put(struct list *list, uint64_t number, uint64_t cookie, mode_t mode, const char *name)
{
    size_t length = offsetof(struct dirent64, d_name) + strlen(name) + 1;
    size_t bytes = (length + 7) / 8 * 8;
    if (bytes > list->room - list->filled)
        return false;
    struct dirent64 *entry =
        (void *)(list->bytes + list->filled); // NOLINT: as getdents64(2) has it
    memset(entry, 0, bytes);
    entry->d_ino = number;
    entry->d_off = (off_t)cookie;
    entry->d_reclen = (unsigned short)bytes;
    entry->d_type = (unsigned char)IFTODT(mode);
    memcpy(entry->d_name, name, strlen(name));
    list->filled += bytes;
    return true;
}

/* Both dots, then the names; behind the last the end stays the end, as in ext4. Gives: whether
 * there was room for all. */
static bool fill(struct opened *opened, struct list *list)
{
    const struct inode *directory = opened->inode;
    const struct inode *above = directory->parent ? directory->parent : directory;
    static const char *const dots[] = {".", ".."};
    for (; opened->offset < 2; opened->offset++)
        if (!put(list, opened->offset ? above->number : directory->number,
                 (uint64_t)opened->offset + 1, S_IFDIR, dots[opened->offset]))
            return false;
    const struct entry *entry;
    while ((entry = entries_after(&directory->entries, (uint64_t)opened->offset))) {
        if (!put(list, entry->inode->number, entry->cookie, entry->inode->mode, entry->name))
            return false;
        opened->offset = (int64_t)entry->cookie;
    }
    opened->offset = INT64_MAX;
    return true;
}

int64_t names_list(struct file *file, void *entries, size_t count)
{
    struct opened *opened = opened_of(file);
    struct list list = {.bytes = entries, .room = count};
    if (file->flags & O_PATH)
        return -EBADF;
    if (!opened || !S_ISDIR(opened->inode->mode))
        return -ENOTDIR;
    if (!opened->inode->linked)
        return -ENOENT;
    bool all = fill(opened, &list);
    if (!all && list.filled == 0)
        return -EINVAL;
    opened->inode->read_ns = disk_clock(opened->inode->disk);
    inotify_tell(opened->inode, IN_ACCESS | IN_ISDIR);
    return (int64_t)list.filled;
}

/* --- copying --- */

static int64_t place_of(const struct opened *opened, const off_t *offset)
{
    return offset ? *offset : opened->offset;
}

static void move_on(struct opened *opened, off_t *offset, int64_t count)
{
    *(offset ? offset : &opened->offset) += count;
}

static int64_t copy(struct inode *from, int64_t from_at, struct inode *to, int64_t to_at,
                    size_t count)
{
    enum { BLOCK = 65536 };
    unsigned char *block = memory_own(BLOCK);
    int64_t done = 0, result = 0;
    while ((size_t)done < count) {
        size_t part = count - (size_t)done < BLOCK ? count - (size_t)done : BLOCK;
        struct iovec vector = {block, part};
        int64_t got = pages_read(from, &vector, 1, from_at + done, 0);
        if (got <= 0)
            break;
        result = pages_write(to, &vector, 1, to_at + done, (size_t)got);
        if (result <= 0)
            break;
        done += result;
        if (result < got)
            break;
    }
    memory_own_free(block);
    return done > 0 ? done : result;
}

int64_t names_copy(struct file *from, off_t *from_offset, struct file *to, off_t *to_offset,
                   size_t count)
{
    struct opened *source = opened_of(from), *target = opened_of(to);
    if ((from->flags | to->flags) & O_PATH)
        return -EBADF;
    if ((source && S_ISDIR(source->inode->mode)) || (target && S_ISDIR(target->inode->mode)))
        return -EISDIR;
    if (!source || !target)
        return -EINVAL;
    if (!is_readable(from) || !is_writable(to) || to->flags & O_APPEND)
        return -EBADF;
    int64_t from_at = place_of(source, from_offset), to_at = place_of(target, to_offset);
    if (from_at < 0 || to_at < 0)
        return -EINVAL;
    int64_t left = source->inode->length - from_at;
    if (left <= 0)
        return 0;
    if (count > (uint64_t)left)
        count = (size_t)left;
    if (source->inode == target->inode && from_at < to_at + (int64_t)count &&
        to_at < from_at + (int64_t)count)
        return -EINVAL;
    int64_t done = copy(source->inode, from_at, target->inode, to_at, count);
    if (done <= 0)
        return done;
    move_on(source, from_offset, done);
    move_on(target, to_offset, done);
    inotify_tell(source->inode, IN_ACCESS);
    opened_modified(target->inode);
    return done;
}
