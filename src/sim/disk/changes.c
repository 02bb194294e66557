/* changes.c - a change reaches the device wholly or not at all: so a rename is atomic (rename(2)).
 * What may be lost is anything that came after a moment: of the whole disk, where one journal has
 * all changes in their order (ext4, xfs); of each directory, which is all that fsync(2) of
 * directories lets one count on; or of each name (Pillai et al., OSDI 2014, found directory
 * operations out of order on btrfs; ext2 writes each block of a directory by itself). A directory
 * that is removed or moved brings all before it along: no tree falls apart.
 *
 * Whether the sync of a new file brings its name along differs: ext4, xfs and btrfs do so, while
 * fsync(2) says that a sync of the directory is needed, and ext2 does not do it: it is the disk's
 * kind. */
#include "sim/disk/changes.h"
#include "base/check.h"
#include "sim/disk/entries.h"
#include "sim/disk/inode.h"

#include <string.h>

enum { COMMIT_ONE_IN = 16, LOST_ONE_IN = 4 };

static void release(struct change *change)
{
    for (unsigned i = 0; i < change->count; i++) {
        inode_release(change->parts[i].directory);
        inode_release(change->parts[i].inode);
        memory_own_free(change->parts[i].name);
    }
    memory_own_free(change);
}

/* Makes it on the device's side. */
static void store(const struct change *change)
{
    for (unsigned i = 0; i < change->count; i++) {
        const struct change_part *part = &change->parts[i];
        struct inode *directory = part->directory;
        if (part->inode)
            inode_hold(part->inode);
        inode_release(
            entries_set(&directory->stored_entries, directory->disk, part->name, part->inode));
    }
}

/* --- which belong together --- */

static bool touches(const struct change *change, const struct inode *directory)
{
    for (unsigned i = 0; i < change->count; i++)
        if (change->parts[i].directory == directory)
            return true;
    return false;
}

static bool names(const struct change *change, const struct change_part *part)
{
    for (unsigned i = 0; i < change->count; i++)
        if (change->parts[i].directory == part->directory &&
            strcmp(change->parts[i].name, part->name) == 0)
            return true;
    return false;
}

/* Whether the later cannot be on the device without the earlier. */
static bool needs(const struct disk *disk, const struct change *later, const struct change *earlier)
{
    if (disk->order == DISK_ORDER_ALL || later->whole)
        return true;
    for (unsigned i = 0; i < later->count; i++)
        if (disk->order == DISK_ORDER_DIRECTORY ? touches(earlier, later->parts[i].directory)
                                                : names(earlier, &later->parts[i]))
            return true;
    return false;
}

/* What is wanted wants what it needs; then all of that reaches the device. */
static void store_wanted(struct disk *disk)
{
    for (bool again = true; again;) {
        again = false;
        for (struct change *later = disk->changes; later; later = later->next)
            for (struct change *change = disk->changes; later->wanted && change != later;
                 change = change->next)
                if (!change->wanted && needs(disk, later, change))
                    again = change->wanted = true;
    }
    struct change **at = &disk->changes;
    struct change *change;
    disk->changes_last = NULL;
    while ((change = *at)) {
        if (change->wanted) {
            *at = change->next;
            store(change);
            release(change);
        } else {
            disk->changes_last = change;
            at = &change->next;
        }
    }
}

/* --- as time goes on --- */

static struct change *any_of(struct disk *disk)
{
    size_t count = 0;
    for (const struct change *change = disk->changes; change; change = change->next)
        count++;
    struct change *chosen = disk->changes;
    check(chosen);
    for (uint64_t steps = chance_below(&world->chance, count); steps > 0 && chosen->next; steps--)
        chosen = chosen->next;
    return chosen;
}

void changes_note(struct disk *disk, const struct change_part *parts, unsigned count, bool whole)
{
    struct change *change = memory_own(sizeof *change);
    change->count = count;
    change->whole = whole;
    for (unsigned i = 0; i < count; i++) {
        change->parts[i] = parts[i];
        inode_hold(parts[i].directory);
        if (parts[i].inode)
            inode_hold(parts[i].inode);
        change->parts[i].name = memory_own(strlen(parts[i].name) + 1);
        memcpy(change->parts[i].name, parts[i].name, strlen(parts[i].name) + 1);
    }
    *(disk->changes_last ? &disk->changes_last->next : &disk->changes) = change;
    disk->changes_last = change;
    if (chance_below(&world->chance, COMMIT_ONE_IN) != 0)
        return;
    any_of(disk)->wanted = true;
    store_wanted(disk);
}

void changes_sync(struct disk *disk, const struct inode *directory)
{
    for (struct change *change = disk->changes; change; change = change->next)
        change->wanted = disk->order == DISK_ORDER_ALL || touches(change, directory);
    store_wanted(disk);
}

void changes_sync_file(struct disk *disk, const struct inode *inode)
{
    for (struct change *change = disk->changes; disk->syncs_names && change;
         change = change->next) {
        change->wanted = disk->order == DISK_ORDER_ALL;
        for (unsigned i = 0; i < change->count; i++)
            change->wanted |= change->parts[i].inode == inode;
    }
    store_wanted(disk);
}

/* --- ends --- */

void changes_done(struct disk *disk)
{
    struct change *change;
    while ((change = disk->changes)) {
        disk->changes = change->next;
        release(change);
    }
    disk->changes_last = NULL;
}

/* Each is lost by chance, and with it what cannot be without it. */
void changes_lose(struct disk *disk)
{
    for (struct change *change = disk->changes; change; change = change->next) {
        bool lost = chance_below(&world->chance, LOST_ONE_IN) == 0;
        for (const struct change *earlier = disk->changes; !lost && earlier != change;
             earlier = earlier->next)
            lost = !earlier->wanted && needs(disk, change, earlier);
        change->wanted = !lost;
    }
    store_wanted(disk);
    changes_done(disk);
}
