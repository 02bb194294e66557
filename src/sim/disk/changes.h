/* changes.h - what was done to names: known to the device after a sync, and before as far as the
 * seed wants and the kind of disk allows. */
#ifndef SIM_DISK_CHANGES_H
#define SIM_DISK_CHANGES_H

#include "sim/disk/disk_state.h"

/* One thing that was done, all parts of it or none: the names name these inodes from then on.
 * Takes: parts: copied; their inodes are held; whole: it cannot be without all that was done
 *   before: a directory is removed or moved. */
void changes_note(struct disk *disk, const struct change_part *parts, unsigned count, bool whole);

/* What was done to the names of a directory is on the device, with what came before and belongs to
 * it. */
void changes_sync(struct disk *disk, const struct inode *directory);

/* A file was synced: that it has a name may be on the device then, or not. */
void changes_sync_file(struct disk *disk, const struct inode *inode);

/* The power fails: some reach the device, the others never happened. */
void changes_lose(struct disk *disk);

/* They are forgotten. */
void changes_done(struct disk *disk);

#endif
