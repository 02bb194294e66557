/* facts.h - what is known of an inode beside its content and its names: mode, owner, times that
 * were set, extended attributes. */
#ifndef SIM_DISK_FACTS_H
#define SIM_DISK_FACTS_H

#include "sim/disk/disk_state.h"

/* They are about to be changed. */
void facts_change(struct inode *inode);

/* The attribute of a name; NULL: there is none. */
struct attribute *facts_find(struct inode *inode, const char *name);

/* Of an inode for which facts_change was called. */
void facts_set(struct inode *inode, const char *name, const void *value, size_t size);
void facts_remove(struct inode *inode, const char *name);

/* Its owner or its content changes: what lets a program do more than who runs it goes. */
void facts_drop_capabilities(struct inode *inode);

/* The inode was synced: the device has them. */
void facts_sync(struct inode *inode);

/* The power fails: they are as the device has them. */
void facts_lose(struct inode *inode);

/* The inode goes. */
void facts_done(struct inode *inode);

#endif
