/* shared.h - the memory of a file that processes have mapped (mmap(2)): pages of the cache stand in
 * it, so that what is written to the one is read of the other. */
#ifndef SIM_DISK_SHARED_H
#define SIM_DISK_SHARED_H

#include "sim/disk/disk_state.h"

/* Room up to that place in the file, with what was there; whether there is for a place.
 * Gives: of the first: whether there is memory. */
bool shared_grow(struct inode *inode, int64_t end);

bool shared_has(const struct inode *inode, int64_t at);

/* The page stands in it from here on, if there is room for it: its bytes, and those that the device
 * has, apart. It counts as dirty for as long: who writes to memory tells nobody. */
void shared_take(struct inode *inode, struct page *page);

/* Maps a part of it. Gives: whether there is memory. */
bool shared_map(struct inode *inode, int64_t offset, size_t bytes, int protection, int flags,
                void **out_memory);
/* A mapping, or a part of one. With the last page that is mapped all stand by themselves again. */
void shared_unmap(struct inode *inode, void *memory, size_t bytes);

/* They do so now: the power fails, or the inode goes. What is mapped yet belongs to nobody's
 * file. */
void shared_end(struct inode *inode);

#endif
