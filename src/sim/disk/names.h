/* names.h - the calls on files by their names, at the moment at which the kernel makes them: no
 * delay, no waiting. Who calls them lets the device's time pass before (disk.h with call_delay, or
 * an event).
 *
 * All give what the system call gives, or a negative errno. */
#ifndef SIM_DISK_NAMES_H
#define SIM_DISK_NAMES_H

#include "sim/world/state.h"

struct statx;
struct inode;

/* resolve: of openat2(2). Gives: a descriptor. */
int names_open(struct process *process, int directory, const char *path, int flags, mode_t mode,
               uint64_t resolve);
/* memfd_create(2). Gives: a descriptor. */
int names_open_memory(struct process *process, const char *name, unsigned flags);
int names_stat(struct process *process, int directory, const char *path, int flags,
               struct stat *out_status);
int names_statx(struct process *process, int directory, const char *path, int flags, unsigned mask,
                struct statx *out_status);
int names_access(struct process *process, int directory, const char *path, int mode);
int64_t names_read_link(struct process *process, int directory, const char *path, char *text,
                        size_t room);
int names_rename(struct process *process, int from, const char *old, int to, const char *new,
                 unsigned flags);
int names_unlink(struct process *process, int directory, const char *path, int flags);
int names_make_directory(struct process *process, int directory, const char *path, mode_t mode);
/* mkfifoat(3). */
int names_make_pipe(struct process *process, int directory, const char *path, mode_t mode);
/* symlinkat(2). */
int names_make_link(struct process *process, const char *target, int directory, const char *path);
/* linkat(2). */
int names_link(struct process *process, int from, const char *old, int to, const char *new,
               int flags);
/* inotify_add_watch(2). */
int names_watch(struct process *process, struct file *file, const char *path, uint32_t events);

/* The path of a unix socket: made, held by who asked; or looked up, and not held.
 * Fails: as open(2), and -EADDRINUSE something is there; -ECONNREFUSED it is no socket. */
int names_make_socket(struct process *process, const char *path, struct inode **out_inode);
int names_find_socket(struct process *process, const char *path, struct inode **out_inode);

/* names_facts.c. flags: AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH; how: XATTR_CREATE, XATTR_REPLACE. */
int names_set_mode(struct process *process, int directory, const char *path, mode_t mode,
                   int flags);
int names_set_owner(struct process *process, int directory, const char *path, uid_t owner,
                    gid_t group, int flags);
int names_set_times(struct process *process, int directory, const char *path,
                    const struct timespec *times, int flags);
int names_set_attribute(struct process *process, int directory, const char *path, int flags,
                        const char *name, const void *value, size_t size, int how);
int64_t names_get_attribute(struct process *process, int directory, const char *path, int flags,
                            const char *name, void *value, size_t size);
int64_t names_list_attributes(struct process *process, int directory, const char *path, int flags,
                              char *names, size_t size);
int names_remove_attribute(struct process *process, int directory, const char *path, int flags,
                           const char *name);

/* Of open files. -EINVAL where it is of no such kind. */
int names_sync(struct file *file, bool data_alone);
int names_truncate(struct file *file, int64_t length);
int names_allocate(struct file *file, int mode, int64_t offset, int64_t count);
int64_t names_list(struct file *file, void *entries, size_t count); /* getdents64(2) */
int64_t names_copy(struct file *from, off_t *from_offset, struct file *to, off_t *to_offset,
                   size_t count);

#endif
