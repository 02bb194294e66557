/* directory.h - the names in a directory, as processes see them. Whether a change is allowed is
 * looked at before (names.h). */
#ifndef SIM_DISK_DIRECTORY_H
#define SIM_DISK_DIRECTORY_H

#include "sim/disk/disk_state.h"

/* NULL: nothing has that name in it. */
struct inode *directory_find(const struct inode *directory, const char *name);

/* A name that is free is the inode's. */
void directory_add(struct inode *directory, const char *name, struct inode *inode);

/* The same of an inode that has names already: a hard link. */
void directory_link(struct inode *directory, const char *name, struct inode *inode);

/* The name goes, and is no inode's any more. */
void directory_remove(struct inode *directory, const char *name);

/* In one go: what stands under the first name stands under the other, which replaces what is
 * there; or both are exchanged. */
void directory_rename(struct inode *from, const char *old, struct inode *to, const char *new,
                      bool exchange);

/* All names are those that the device has, and nothing waits to be synced. */
void directory_read_device(struct disk *disk);

#endif
