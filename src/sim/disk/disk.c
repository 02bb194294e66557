/* disk.c - see the header. The device serves one after the other; what a disk is like, the seed
 * chooses when it is made. */
#include "sim/disk/disk.h"
#include "base/check.h"
#include "sim/disk/changes.h"
#include "sim/disk/directory.h"
#include "sim/disk/entries.h"
#include "sim/disk/inode.h"
#include "sim/disk/opened.h"
#include "sim/disk/pages.h"
#include "sim/world/seen.h"

#include <fcntl.h>

/* Times of memory, and of a device from a good SSD to a slow disk. */
enum {
    CACHE_LEAST_NS = 300,
    CACHE_MOST_NS = 40000,
    DEVICE_LEAST_NS = 20000,
    DEVICE_MOST_NS = 20000000,
    SYNC_LEAST_NS = 100000,
    SYNC_MOST_NS = 100000000,
    NS_PER_KIB = 300,
    NAME_MISSES_ONE_IN = 16,
};

static const uint64_t bytes_by_default = UINT64_C(1) << 40;

/* --- making --- */

static struct inode *make_name(struct inode *directory, const char *name, mode_t mode)
{
    struct inode *made = inode_create_in(directory, mode);
    directory_add(directory, name, made);
    inode_release(made); /* its name has it */
    return made;
}

static void make_names(struct disk *disk)
{
    disk->root = inode_create(disk, S_IFDIR | 0755);
    disk->root->linked = true;
    (void)make_name(disk->root, "tmp", S_IFDIR | S_ISVTX | 0777);
    (void)make_name(make_name(disk->root, "dev", S_IFDIR | 0755), "null", S_IFCHR | 0666);
}

struct disk *disk_of(struct machine *machine)
{
    if (machine->disk)
        return machine->disk;
    uint64_t bytes = world->options.disk_bytes;
    struct disk *disk = machine->disk = memory_own(sizeof *disk);
    disk->machine = machine;
    disk->order = (enum disk_order)chance_below(&world->chance, DISK_ORDERS);
    disk->data_first = chance_below(&world->chance, 2) == 0;
    disk->syncs_names = disk->order == DISK_ORDER_ALL || chance_below(&world->chance, 2) == 0;
    disk->reuses_numbers = chance_below(&world->chance, 2) == 0;
    disk->name_seed = chance_next(&world->chance);
    disk->capacity = (int64_t)((bytes ? bytes : bytes_by_default) / PAGE_BYTES);
    make_names(disk);
    changes_sync(disk, disk->root);
    return disk;
}

void disk_destroy(struct disk *disk)
{
    if (!disk)
        return;
    struct inode *root = disk->root;
    changes_done(disk);
    while (root->stored_entries.count > 0)
        inode_release(entries_take(&root->stored_entries));
    directory_read_device(disk);
    (void)entries_take(&root->stored_entries);
    inode_release(root);
    check(!disk->first);
    memory_own_free(disk->free);
    memory_own_free(disk);
}

/* --- time --- */

/* The device's time comes on top of what it has to do before. */
static uint64_t on_device(struct disk *disk, uint64_t least_ns, uint64_t most_ns, size_t bytes,
                          char direction)
{
    uint64_t begins_ns = disk->busy_until_ns > world->now_ns ? disk->busy_until_ns : world->now_ns;
    disk->busy_until_ns = begins_ns + chance_delay(&world->chance, least_ns, most_ns) +
                          (uint64_t)bytes / 1024 * NS_PER_KIB;
    seen_block(disk->machine, begins_ns, disk->busy_until_ns, bytes, direction);
    return disk->busy_until_ns - world->now_ns;
}

static uint64_t in_cache(size_t bytes)
{
    return chance_delay(&world->chance, CACHE_LEAST_NS, CACHE_MOST_NS) + bytes / 64;
}

uint64_t disk_delay(struct file *file, size_t bytes, bool writes)
{
    struct opened *opened = opened_of(file);
    if (!opened)
        return in_cache(bytes);
    bool by_device = file->flags & O_DIRECT || (writes && file->flags & (O_SYNC | O_DSYNC)) ||
                     (!writes && !pages_resident(opened->inode));
    return by_device ? on_device(opened->inode->disk, DEVICE_LEAST_NS, DEVICE_MOST_NS, bytes,
                                 writes ? 'W' : 'R')
                     : in_cache(bytes);
}

uint64_t disk_sync_delay(struct file *file)
{
    struct opened *opened = opened_of(file);
    return opened ? on_device(opened->inode->disk, SYNC_LEAST_NS, SYNC_MOST_NS, 0, 'F')
                  : in_cache(0);
}

uint64_t disk_name_delay(const struct process *process)
{
    struct disk *disk = disk_of(process->machine);
    return chance_below(&world->chance, NAME_MISSES_ONE_IN) == 0
               ? on_device(disk, DEVICE_LEAST_NS, DEVICE_MOST_NS, PAGE_BYTES, 'R')
               : in_cache(0);
}
