/* os_inotify.h - being told of changes to files and directories: inotify(7).
 *
 * The events are read with hark_read, as struct inotify_event of sys/inotify.h; on every backend
 * the read waits for them. The calls here take no loop, and the rules of os_descriptor.h hold: any
 * thread may make them, also while the read is in flight.
 *
 * Gives, unless it says otherwise: a negative errno as the system call of that name would.
 * Thread: any.
 */
#ifndef HARK_OS_INOTIFY_H
#define HARK_OS_INOTIFY_H

#include "base.h"

HARK_BEGIN

/* inotify_init1(2), close-on-exec and non-blocking.
 * Gives: the descriptor, to be closed with hark_close.
 * Fails: -EMFILE the process has no descriptor left, or its user no instance of inotify
 *   (fs.inotify.max_user_instances); -ENFILE, -ENOMEM. */
HARK_API int hark_os_inotify_init(void);

/* inotify_add_watch(2): watches what a path leads to, the thing itself and not its name; or changes
 * what is watched of it.
 * Takes: events: IN_MODIFY and the like, with IN_ONLYDIR, IN_DONT_FOLLOW, IN_MASK_ADD. A path of
 *   /proc/self/fd names what is open.
 * Gives: the number of the watch, which stands in its events: the same one for a thing that is
 *   watched already.
 * Fails: -ENOSPC no watch is left to the user (fs.inotify.max_user_watches); -EACCES it may not be
 *   read; -ENOENT, -ENOTDIR, -EINVAL, -EBADF, -ENAMETOOLONG, -ENOMEM. */
HARK_API int hark_os_inotify_add_watch(int fd, const char *path, uint32_t events);

/* inotify_rm_watch(2): ends a watch. An event with IN_IGNORED says so after those that came before.
 * Gives: 0.
 * Fails: -EINVAL there is no such watch; -EBADF. */
HARK_API int hark_os_inotify_rm_watch(int fd, int watch);

HARK_END

#endif
