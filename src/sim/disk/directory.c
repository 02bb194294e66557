/* directory.c - see the header. What is done here is told to who watches (inotify(7)) in the order
 * in which Linux 6.18 tells it (include/linux/fsnotify.h, fs/namei.c). */
#include "sim/disk/directory.h"
#include "sim/disk/changes.h"
#include "sim/disk/entries.h"
#include "sim/disk/inode.h"
#include "sim/disk/inotify.h"

#include <string.h>
#include <sys/inotify.h>

struct inode *directory_find(const struct inode *directory, const char *name)
{
    return entries_find(&directory->entries, directory->disk, name);
}

static bool is_directory(const struct inode *inode)
{
    return S_ISDIR(inode->mode);
}

static void changed(struct inode *directory)
{
    directory->written_ns = directory->changed_ns = disk_clock(directory->disk);
}

/* The table has a reference of what is in it. */
static void enter(struct inode *directory, const char *name, struct inode *inode)
{
    inode_hold(inode);
    (void)entries_set(&directory->entries, directory->disk, name, inode);
    inode->names++;
    inode->linked = true;
    inode->linkable = false;
    inode_place(inode, directory, name);
    directory->directories += is_directory(inode);
    changed(directory);
}

/* It has lost the name that it was known by, and has others. */
static void place_anew(struct inode *inode)
{
    for (struct inode *directory = inode->disk->first; directory; directory = directory->next)
        for (size_t i = 0; i < directory->entries.count; i++)
            if (directory->entries.table[i].inode == inode)
                return inode_place(inode, directory, directory->entries.table[i].name);
}

/* Gives: what stood there, with the table's reference. */
static struct inode *leave(struct inode *directory, const char *name)
{
    struct inode *inode = entries_set(&directory->entries, directory->disk, name, NULL);
    inode->linked = --inode->names > 0;
    if (inode->linked && inode->parent == directory && strcmp(inode->name, name) == 0)
        place_anew(inode);
    inode->changed_ns = disk_clock(inode->disk);
    directory->directories -= is_directory(inode);
    changed(directory);
    return inode;
}

static uint32_t with_kind(uint32_t events, const struct inode *inode)
{
    return events | (is_directory(inode) ? (uint32_t)IN_ISDIR : 0u);
}

void directory_add(struct inode *directory, const char *name, struct inode *inode)
{
    struct change_part part = {directory, (char *)(uintptr_t)name, inode};
    enter(directory, name, inode);
    changes_note(directory->disk, &part, 1, false);
    inotify_tell_of(directory, with_kind(IN_CREATE, inode), 0, name);
}

void directory_link(struct inode *directory, const char *name, struct inode *inode)
{
    inode->changed_ns = disk_clock(inode->disk);
    inotify_tell_self(inode, IN_ATTRIB);
    directory_add(directory, name, inode);
}

void directory_remove(struct inode *directory, const char *name)
{
    struct change_part part = {directory, (char *)(uintptr_t)name, NULL};
    struct inode *inode = leave(directory, name);
    changes_note(directory->disk, &part, 1, is_directory(inode));
    if (!is_directory(inode))
        inotify_tell_self(inode, IN_ATTRIB);
    inode_look_gone(inode);
    inotify_tell_of(directory, with_kind(IN_DELETE, inode), 0, name);
    inode_release(inode);
}

static void tell_move(struct inode *from, const char *old, struct inode *to, const char *new,
                      struct inode *moved, struct inode *replaced)
{
    uint32_t cookie = inotify_cookie();
    inotify_tell_of(from, with_kind(IN_MOVED_FROM, moved), cookie, old);
    inotify_tell_of(to, with_kind(IN_MOVED_TO, moved), cookie, new);
    if (replaced)
        inotify_tell_self(replaced, with_kind(IN_ATTRIB, replaced));
    inotify_tell_self(moved, IN_MOVE_SELF);
}

void directory_rename(struct inode *from, const char *old, struct inode *to, const char *new,
                      bool exchange)
{
    struct inode *moved = leave(from, old);
    struct inode *other = directory_find(to, new) ? leave(to, new) : NULL;
    enter(to, new, moved);
    if (exchange && other)
        enter(from, old, other);
    struct change_part parts[2] = {
        {to, (char *)(uintptr_t) new, moved},
        {from, (char *)(uintptr_t)old, exchange ? other : NULL},
    };
    bool whole = is_directory(moved) || (other && is_directory(other));
    changes_note(from->disk, parts, 2, whole);
    tell_move(from, old, to, new, moved, exchange ? NULL : other);
    if (exchange && other)
        tell_move(to, new, from, old, other, NULL);
    else if (other)
        inode_look_gone(other);
    inode_release(moved);
    inode_release(other);
}

/* --- the power fails --- */

static void forget_names(struct inode *directory)
{
    struct inode *inode;
    while ((inode = entries_take(&directory->entries))) {
        inode->names = 0;
        inode->linked = false;
        inode_release(inode);
    }
    directory->directories = 0;
}

/* From the root down, directory by directory. */
static void read_names(struct inode *list)
{
    struct inode *directory;
    list->next_listed = NULL;
    while ((directory = list)) {
        const struct entries *stored = &directory->stored_entries;
        list = directory->next_listed;
        for (size_t i = 0; i < stored->count; i++) {
            struct inode *inode = stored->table[i].inode;
            enter(directory, stored->table[i].name, inode);
            if (!is_directory(inode))
                continue;
            inode->next_listed = list;
            list = inode;
        }
    }
}

/* What no name leads to lets go of what it leads to itself. */
static void let_go(struct inode *inode)
{
    struct inode *named;
    while ((named = entries_take(&inode->stored_entries)))
        inode_release(named);
    inode_place(inode, NULL, NULL);
}

/* Calls for each inode, which may go meanwhile, as may the others. */
static void for_each(struct disk *disk, bool (*concerns)(const struct inode *inode),
                     void (*call)(struct inode *inode))
{
    size_t count = 0, room = 0;
    struct inode **list = NULL;
    for (struct inode *inode = disk->first; inode; inode = inode->next) {
        if (!concerns(inode))
            continue;
        if (count == room) {
            room = room ? room * 2 : 64;
            list = memory_own_resize(list, room * sizeof(struct inode *));
        }
        inode_hold(inode);
        list[count++] = inode;
    }
    for (size_t i = 0; i < count; i++) {
        call(list[i]);
        inode_release(list[i]);
    }
    memory_own_free(list);
}

static bool is_lost(const struct inode *inode)
{
    return !inode->linked;
}

void directory_read_device(struct disk *disk)
{
    changes_done(disk);
    for_each(disk, is_directory, forget_names);
    disk->root->linked = true;
    read_names(disk->root);
    for_each(disk, is_lost, let_go);
}
