/* entries.c - the entries stand in the order of a hash of their names, as in ext4's directories
 * (htree, Documentation/filesystems/ext4/directory.rst): the order tells nothing of their making,
 * and an entry that stays is listed exactly once, whatever comes and goes meanwhile. */
#include "sim/disk/entries.h"
#include "base/check.h"

#include <string.h>

static uint64_t cookie_of(const struct disk *disk, const char *name)
{
    uint64_t hash = disk->name_seed;
    for (; *name; name++) {
        hash = (hash ^ (unsigned char)*name) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    hash >>= 1; /* off_t is signed */
    return hash < ENTRIES_FIRST_COOKIE ? ENTRIES_FIRST_COOKIE : hash;
}

/* The first place with at least that cookie. */
static size_t place_of(const struct entries *entries, uint64_t cookie)
{
    size_t low = 0, high = entries->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (entries->table[middle].cookie < cookie)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct entry *find(const struct entries *entries, uint64_t cookie, const char *name)
{
    size_t place = place_of(entries, cookie);
    if (place == entries->count || entries->table[place].cookie != cookie)
        return NULL;
    check(strcmp(entries->table[place].name, name) == 0); /* 63 bits: no two names share them */
    return &entries->table[place];
}

struct inode *entries_find(const struct entries *entries, const struct disk *disk, const char *name)
{
    const struct entry *entry = find(entries, cookie_of(disk, name), name);
    return entry ? entry->inode : NULL;
}

static char *copy_of(const char *name)
{
    char *copy = memory_own(strlen(name) + 1);
    memcpy(copy, name, strlen(name) + 1);
    return copy;
}

static void insert(struct entries *entries, uint64_t cookie, const char *name, struct inode *inode)
{
    if (entries->count == entries->room) {
        entries->room = entries->room ? entries->room * 2 : 8;
        entries->table = memory_own_resize(entries->table, entries->room * sizeof *entries->table);
    }
    size_t place = place_of(entries, cookie);
    struct entry *at = entries->table + place;
    memmove(at + 1, at, (entries->count - place) * sizeof *at);
    *at = (struct entry){.cookie = cookie, .inode = inode, .name = copy_of(name)};
    entries->count++;
}

static void take_out(struct entries *entries, struct entry *entry)
{
    size_t place = (size_t)(entry - entries->table);
    memory_own_free(entry->name);
    memmove(entry, entry + 1, (entries->count - place - 1) * sizeof *entry);
    entries->count--;
}

struct inode *entries_set(struct entries *entries, const struct disk *disk, const char *name,
                          struct inode *inode)
{
    uint64_t cookie = cookie_of(disk, name);
    struct entry *entry = find(entries, cookie, name);
    struct inode *former = entry ? entry->inode : NULL;
    if (entry && inode)
        entry->inode = inode;
    else if (entry)
        take_out(entries, entry);
    else if (inode)
        insert(entries, cookie, name, inode);
    return former;
}

const struct entry *entries_after(const struct entries *entries, uint64_t cookie)
{
    size_t place = place_of(entries, cookie + 1);
    return place < entries->count ? &entries->table[place] : NULL;
}

struct inode *entries_take(struct entries *entries)
{
    if (entries->count == 0) {
        memory_own_free(entries->table);
        *entries = (struct entries){0};
        return NULL;
    }
    struct entry *last = &entries->table[entries->count - 1];
    struct inode *inode = last->inode;
    take_out(entries, last);
    return inode;
}
