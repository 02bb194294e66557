/* inotify.h - who watches inodes, and is told (inotify(7)). */
#ifndef SIM_DISK_INOTIFY_H
#define SIM_DISK_INOTIFY_H

#include "sim/disk/disk_state.h"

struct file;

/* The number by which both events of a move know each other. */
uint32_t inotify_cookie(void);

/* To who watches the inode, and to who watches the directory that its name is in, or was. */
void inotify_tell(struct inode *inode, uint32_t events);

/* The same without IN_EXCL_UNLINK: of what is not done by an open file, such as a cut. */
void inotify_tell_always(struct inode *inode, uint32_t events);

/* To who watches the inode alone. */
void inotify_tell_self(struct inode *inode, uint32_t events);

/* Of a name in a directory, to who watches that. */
void inotify_tell_of(struct inode *directory, uint32_t events, uint32_t cookie, const char *name);

/* It is gone: IN_DELETE_SELF, and the watches end. */
void inotify_tell_gone(struct inode *inode);

/* Its memory goes, in silence. */
void inotify_forget(struct inode *inode);

/* A new descriptor's file. flags: of inotify_init1(2). */
struct file *inotify_create(struct machine *machine, int flags);

/* Gives: the number of the watch; -EINVAL: it is of another kind, or there are no events. */
int inotify_watch(struct file *file, struct inode *inode, uint32_t events);

int inotify_unwatch(struct file *file, int watch);

#endif
