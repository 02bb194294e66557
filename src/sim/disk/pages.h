/* pages.h - the content of a regular file: in the page cache and on the device. What is written is
 * in the cache; it is on the device for certain once pages_sync has said so, and before in part,
 * in any order, as far as the seed wants. */
#ifndef SIM_DISK_PAGES_H
#define SIM_DISK_PAGES_H

#include "sim/disk/disk_state.h"

#include <sys/uio.h>

enum { PAGES_IN_CACHE = 1 }; /* pages_read: what is not in the cache is not fetched */

static const int64_t pages_length_max = INT64_C(1) << 44; /* 16 TiB, ext4's with such pages */

/* Gives: bytes, 0 at the end; -EAGAIN the first is not in the cache. */
int64_t pages_read(struct inode *inode, const struct iovec *vector, int count, int64_t offset,
                   int how);

/* Takes: most: how many bytes at the most.
 * Gives: bytes, fewer where the disk is full or the file as long as files get.
 * Fails: -ENOSPC, -EFBIG. */
int64_t pages_write(struct inode *inode, const struct iovec *vector, int count, int64_t offset,
                    size_t most);

/* Any length up to pages_length_max. */
void pages_truncate(struct inode *inode, int64_t length);

/* Gives a range its place on the disk; the length stays.
 * Fails: -ENOSPC: part of it may have it. */
int pages_allocate(struct inode *inode, int64_t offset, int64_t count);

/* Makes the range zeros; whole pages of it lose their place. The length stays. */
void pages_clear(struct inode *inode, int64_t offset, int64_t count);

/* Whether reading the whole of it asks no device. */
bool pages_resident(struct inode *inode);
bool pages_dirty(const struct inode *inode);

/* All of it is on the device. */
void pages_sync(struct inode *inode);

/* Writing back fails with that error: what was to be written is or is not on the device, counts as
 * clean, and the next sync of every open file is told. */
void pages_fail(struct inode *inode, int error);

/* Maps so much of it, beginning at a page, into this program's memory.
 * Takes: protection, flags: of mmap(2).
 * Gives: 0 and *out_memory, for pages_unmap.
 * Fails: -ENOMEM. */
int pages_map(struct inode *inode, int64_t offset, size_t bytes, int protection, int flags,
              void **out_memory);
void pages_unmap(struct inode *inode, void *memory, size_t bytes);

/* The power fails: what the device has is the content from here on. */
void pages_lose(struct inode *inode);

void pages_done(struct inode *inode);

#endif
