/* entries.h - a table of names, one side of a directory. It holds no reference: who puts an inode
 * in or takes it out does. */
#ifndef SIM_DISK_ENTRIES_H
#define SIM_DISK_ENTRIES_H

#include "sim/disk/disk_state.h"

enum { ENTRIES_FIRST_COOKIE = 3 }; /* below are those of "." and ".." */

/* What stands under the name; NULL: nothing. */
struct inode *entries_find(const struct entries *entries, const struct disk *disk,
                           const char *name);

/* Puts it under the name; NULL takes the name out.
 * Gives: what stood there. */
struct inode *entries_set(struct entries *entries, const struct disk *disk, const char *name,
                          struct inode *inode);

/* The first entry with a greater cookie; NULL: there is none. */
const struct entry *entries_after(const struct entries *entries, uint64_t cookie);

/* Takes out any one. Gives: its inode; NULL: it is empty, and has no memory any more. */
struct inode *entries_take(struct entries *entries);

#endif
