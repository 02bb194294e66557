/* inode.h - what a name leads to: a regular file, a directory, a symbolic link. */
#ifndef SIM_DISK_INODE_H
#define SIM_DISK_INODE_H

#include "sim/disk/disk_state.h"

/* A new one, without a name, with one reference.
 * Takes: mode: with its type (S_IFREG, S_IFDIR, S_IFLNK). */
struct inode *inode_create(struct disk *disk, mode_t mode);

/* The same, made in a directory, of which it may inherit. */
struct inode *inode_create_in(const struct inode *directory, mode_t mode);

void inode_hold(struct inode *inode);

/* NULL: nothing happens. */
void inode_release(struct inode *inode);

/* Where it stands from here on; parent NULL: nowhere. It keeps both for those who watch it when it
 * has no name any more. */
void inode_place(struct inode *inode, struct inode *parent, const char *name);

/* It has neither a name nor an open file any more, maybe: then who watches it is told. */
void inode_look_gone(struct inode *inode);

void inode_status(const struct inode *inode, struct stat *out_status);

/* Its path from the root, as its names were when they were last in place.
 * Takes: room: what does not fit is cut off, at the end; past PATH_MAX at the beginning. */
void inode_path(const struct inode *inode, char *out_path, size_t room);

#endif
