/* facts.c - the device has the facts of an inode as they were at some moment since its last sync:
 * all of them, as they stand in one block of it. They go by themselves, apart from names: a rename
 * that comes after a chmod may be on the device without it, which no journal of today does, but no
 * page promises (fsync(2)). What a file is made with comes with its name. Times that
 * reads and writes leave are not lost, but with those that utimensat(2) sets. */
#include "sim/disk/facts.h"

#include <linux/xattr.h>
#include <string.h>

enum { COMMIT_ONE_IN = 4, LOST_ONE_IN = 2 };

/* --- attributes --- */

static void *copy_of(const void *bytes, size_t count)
{
    void *copy = memory_own(count + 1);
    if (count > 0)
        memcpy(copy, bytes, count);
    return copy;
}

static void add(struct attribute **list, const char *name, const void *value, size_t size)
{
    struct attribute *made = memory_own(sizeof *made);
    *made = (struct attribute){.next = *list,
                               .name = copy_of(name, strlen(name)),
                               .value = copy_of(value, size),
                               .size = size};
    *list = made;
}

static void take(struct attribute **at)
{
    struct attribute *gone = *at;
    *at = gone->next;
    memory_own_free(gone->name);
    memory_own_free(gone->value);
    memory_own_free(gone);
}

static struct attribute **place_of(struct inode *inode, const char *name)
{
    struct attribute **at = &inode->attributes;
    while (*at && strcmp((*at)->name, name) != 0)
        at = &(*at)->next;
    return at;
}

struct attribute *facts_find(struct inode *inode, const char *name)
{
    return *place_of(inode, name);
}

void facts_set(struct inode *inode, const char *name, const void *value, size_t size)
{
    facts_remove(inode, name);
    add(&inode->attributes, name, value, size);
}

void facts_remove(struct inode *inode, const char *name)
{
    struct attribute **at = place_of(inode, name);
    if (*at)
        take(at);
}

/* cap_inode_killpriv: unlike the set-user-ID bit, of whoever writes. Nobody is told. */
void facts_drop_capabilities(struct inode *inode)
{
    if (!facts_find(inode, XATTR_NAME_CAPS))
        return;
    facts_change(inode);
    facts_remove(inode, XATTR_NAME_CAPS);
}

/* --- both sides --- */

static void forget(struct attribute **list)
{
    while (*list)
        take(list);
}

void facts_sync(struct inode *inode)
{
    if (!inode->stored_facts)
        return;
    forget(&inode->stored_facts->attributes);
    memory_own_free(inode->stored_facts);
    inode->stored_facts = NULL;
}

void facts_change(struct inode *inode)
{
    if (inode->stored_facts && chance_below(&world->chance, COMMIT_ONE_IN) == 0)
        facts_sync(inode);
    if (inode->stored_facts)
        return;
    struct facts *stored = inode->stored_facts = memory_own(sizeof *stored);
    *stored = (struct facts){.mode = inode->mode,
                             .owner = inode->owner,
                             .group = inode->group,
                             .read_ns = inode->read_ns,
                             .written_ns = inode->written_ns};
    for (const struct attribute *at = inode->attributes; at; at = at->next)
        add(&stored->attributes, at->name, at->value, at->size);
}

void facts_lose(struct inode *inode)
{
    struct facts *stored = inode->stored_facts;
    if (stored && chance_below(&world->chance, LOST_ONE_IN) == 0) {
        struct attribute *lost = inode->attributes;
        inode->mode = stored->mode;
        inode->owner = stored->owner;
        inode->group = stored->group;
        inode->read_ns = stored->read_ns;
        inode->written_ns = stored->written_ns;
        inode->attributes = stored->attributes;
        stored->attributes = lost;
    }
    facts_sync(inode);
}

void facts_done(struct inode *inode)
{
    facts_sync(inode);
    forget(&inode->attributes);
}
