/* inode.c - an inode stays for as long as something leads to it, on either side of the disk. A
 * directory and what stands in it lead to each other, which ends when the name does. */
#include "sim/disk/inode.h"
#include "base/check.h"
#include "sim/disk/entries.h"
#include "sim/disk/facts.h"
#include "sim/disk/inotify.h"
#include "sim/disk/pages.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

enum { SECTORS_OF_512 = PAGE_BYTES / 512, DISK_MAJOR = 8 };

/* --- numbers --- */

/* A number that was free is given out again, or never: ext4 does one, xfs and btrfs mostly the
 * other. */
static uint64_t next_number(struct disk *disk)
{
    if (disk->free_count == 0)
        return ++disk->number;
    size_t place = (size_t)chance_below(&world->chance, disk->free_count);
    uint64_t number = disk->free[place];
    disk->free[place] = disk->free[--disk->free_count];
    return number;
}

static void free_number(struct disk *disk, uint64_t number)
{
    if (!disk->reuses_numbers)
        return;
    if (disk->free_count == disk->free_room) {
        disk->free_room = disk->free_room ? disk->free_room * 2 : 16;
        disk->free = memory_own_resize(disk->free, disk->free_room * sizeof *disk->free);
    }
    disk->free[disk->free_count++] = number;
}

/* --- life --- */

struct inode *inode_create(struct disk *disk, mode_t mode)
{
    struct inode *inode = memory_own(sizeof *inode);
    inode->disk = disk;
    inode->number = next_number(disk);
    inode->mode = mode;
    inode->references = 1;
    inode->shrunk_to = -1;
    inode->read_ns = inode->written_ns = inode->changed_ns = inode->born_ns = disk_clock(disk);
    inode->previous = disk->last;
    *(disk->last ? &disk->last->next : &disk->first) = inode;
    disk->last = inode;
    return inode;
}

/* With S_ISGID a directory gives its group to what is made in it (inode_init_owner), with a name or
 * without one. */
struct inode *inode_create_in(const struct inode *directory, mode_t mode)
{
    struct inode *made = inode_create(directory->disk, mode);
    if (!(directory->mode & S_ISGID))
        return made;
    made->group = directory->group;
    if (S_ISDIR(mode))
        made->mode |= S_ISGID;
    return made;
}

void inode_hold(struct inode *inode)
{
    inode->references++;
}

/* One reference less; with the last it is listed, to go. */
static void drop(struct inode *inode, struct inode **list)
{
    if (!inode)
        return;
    check(inode->references > 0);
    if (--inode->references > 0)
        return;
    inode->next_listed = *list;
    *list = inode;
}

/* What it leads to may be listed. */
static void destroy(struct inode *inode, struct inode **list)
{
    struct disk *disk = inode->disk;
    check(inode->entries.count == 0 && !inode->files);
    inotify_forget(inode);
    *(inode->previous ? &inode->previous->next : &disk->first) = inode->next;
    *(inode->next ? &inode->next->previous : &disk->last) = inode->previous;
    free_number(disk, inode->number);
    pages_done(inode);
    facts_done(inode);
    (void)entries_take(&inode->entries);
    struct inode *named; /* on the device, where nothing leads to this one */
    while ((named = entries_take(&inode->stored_entries)))
        drop(named, list);
    drop(inode->parent, list);
    memory_own_free(inode->target);
    memory_own_free(inode->name);
    memory_own_free(inode);
}

void inode_release(struct inode *inode)
{
    struct inode *list = NULL;
    drop(inode, &list);
    while ((inode = list)) {
        list = inode->next_listed;
        destroy(inode, &list);
    }
}

void inode_place(struct inode *inode, struct inode *parent, const char *name)
{
    struct inode *former = inode->parent;
    char *former_name = inode->name;
    inode->name = NULL;
    inode->parent = parent;
    if (parent) {
        inode_hold(parent);
        inode->name = memory_own(strlen(name) + 1);
        memcpy(inode->name, name, strlen(name) + 1);
    }
    memory_own_free(former_name);
    inode_release(former);
}

/* Who is open keeps the directories that it was in last, as a dentry does its parents. */
static bool is_in_use(const struct inode *inode)
{
    for (const struct inode *other = inode->disk->first; other; other = other->next)
        for (const struct inode *at = other->opened > 0 ? other : NULL; at; at = at->parent)
            if (at == inode)
                return true;
    return false;
}

void inode_look_gone(struct inode *inode)
{
    for (; inode; inode = inode->parent) {
        if (inode->linked || inode->is_gone || inode->opened > 0)
            return;
        if (S_ISDIR(inode->mode) && is_in_use(inode))
            return;
        inode->is_gone = true;
        inotify_tell_gone(inode);
    }
}

/* --- what is known of it --- */

/* Before 1970 too, the parts of a second count onwards. */
static struct timespec time_of(int64_t ns)
{
    const int64_t second_ns = 1000000000;
    int64_t seconds = ns / second_ns - (ns % second_ns < 0);
    return (struct timespec){seconds, ns - seconds * second_ns};
}

static int64_t size_of(const struct inode *inode)
{
    return S_ISREG(inode->mode)   ? inode->length
           : S_ISLNK(inode->mode) ? (int64_t)strlen(inode->target)
           : S_ISDIR(inode->mode) ? PAGE_BYTES
                                  : 0;
}

void inode_status(const struct inode *inode, struct stat *out_status)
{
    bool is_directory = S_ISDIR(inode->mode);
    *out_status = (struct stat){
        .st_dev = makedev(DISK_MAJOR, (unsigned)inode->disk->machine->number),
        .st_ino = inode->number,
        .st_mode = inode->mode,
        .st_nlink = !inode->linked ? 0
                    : is_directory ? 2 + inode->directories
                                   : inode->names,
        .st_uid = inode->owner,
        .st_gid = inode->group,
        .st_size = size_of(inode),
        .st_blksize = PAGE_BYTES,
        .st_blocks = (is_directory ? 1 : inode->blocks) * SECTORS_OF_512,
        .st_atim = time_of(inode->read_ns),
        .st_mtim = time_of(inode->written_ns),
        .st_ctim = time_of(inode->changed_ns),
    };
}

void inode_path(const struct inode *inode, char *out_path, size_t room)
{
    char whole[PATH_MAX];
    size_t at = sizeof whole - 1;
    whole[at] = '\0';
    for (; inode->parent; inode = inode->parent) {
        size_t length = strlen(inode->name);
        if (length + 1 > at)
            break;
        at -= length;
        memcpy(whole + at, inode->name, length);
        whole[--at] = '/';
    }
    snprintf(out_path, room, "%s", whole[at] ? whole + at : "/");
}
