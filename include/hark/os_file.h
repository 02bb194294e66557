/* os_file.h - the calls that take a path, made at once by the thread that calls.
 *
 * They take no loop, and the rules of os_descriptor.h hold: any thread may make them, and they wait
 * as long as the disk does, so they are for functions of hark_work and for what comes before a loop
 * runs; file.h has the ops. A path that is not absolute begins at a directory: an open descriptor,
 * or AT_FDCWD for the one that the process works in.
 *
 * Gives, unless it says otherwise: 0; a negative errno as the system call of that name would. What
 *   comes back through a pointer is written on success alone.
 * Fails, for every call with a path: -ENOENT, -ENOTDIR, -EACCES, -ELOOP, -ENAMETOOLONG, -ENOMEM,
 *   -EIO; -EBADF the directory is no descriptor.
 * Thread: any.
 */
#ifndef HARK_OS_FILE_H
#define HARK_OS_FILE_H

#include "base.h"
#include <sys/types.h>

HARK_BEGIN

struct stat;
struct statx;

/* openat(2). O_CLOEXEC is always set.
 * Takes: flags: with O_NONBLOCK where a named pipe's other side shall not be waited for; mode: of a
 *   file that is made.
 * Gives: the descriptor, the caller's to close: with hark_os_close_unknown as long as no loop has
 *   had an op on it.
 * Fails: -EMFILE, -ENFILE, -EEXIST, -EISDIR, -ENXIO, -EROFS, -ENOSPC; -ELOOP also a link with
 *   O_NOFOLLOW. */
HARK_API int hark_os_openat(int directory, const char *path, int flags, mode_t mode);

/* fstatat(2): of a path; sizes as in hark_os_fstat.
 * Takes: flags: 0; AT_SYMLINK_NOFOLLOW for a link itself (lstat(2)); AT_EMPTY_PATH with path "" or
 *   NULL for the descriptor itself.
 * Gives: 0 and *out_status. */
HARK_API int hark_os_fstatat(int directory, const char *path, struct stat *out_status, int flags);

/* statx(2).
 * Takes: path "" with AT_EMPTY_PATH, or none (NULL), for the descriptor itself; mask: what is asked
 *   for.
 * Gives: 0 and *out_status, whose stx_mask says what of it there is. */
HARK_API int hark_os_statx(int directory, const char *path, int flags, unsigned mask,
                           struct statx *out_status);

/* faccessat(2): whether a path leads to something that the process may use.
 * Takes: mode: F_OK that it is there; R_OK, W_OK, X_OK. */
HARK_API int hark_os_faccessat(int directory, const char *path, int mode);

/* readlinkat(2).
 * Gives: how many bytes of the link's text are in text; no null byte ends them. room of them: there
 *   may be more.
 * Fails: -EINVAL it is no link, or room is 0. */
HARK_API int64_t hark_os_readlinkat(int directory, const char *path, char *text, size_t room);

/* realpath(3): the path without links, "." and "..", of what is there.
 * Takes: an absolute path; out_path: room for PATH_MAX bytes, the null byte among them.
 * Gives: 0 and the path.
 * Fails: -EINVAL the path is not absolute. */
HARK_API int hark_os_realpath(const char *path, char *out_path);

/* getcwd(3): the directory that the process works in.
 * Takes: room of the path: PATH_MAX bytes are always enough.
 * Gives: 0 and the path.
 * Fails: -ERANGE there is not room enough; -EINVAL there is none; -ENOENT it has been removed, or
 *   cannot be reached from the root of this process. */
HARK_API int hark_os_getcwd(char *out_path, size_t room);

/* getdents64(2): entries of an open directory, from where the last call ended.
 * Takes: bytes: aligned as a uint64_t; 280 of them have room for any name.
 * Gives: how much of bytes is filled: walk it with hark_dirent_next; 0 no entry is left.
 * Fails: -ENOTDIR it is no directory; -EINVAL bytes is too small for the next entry; -ENOENT the
 *   directory has been removed. */
HARK_API int64_t hark_os_getdents(int fd, void *bytes, size_t count);

HARK_END

#endif
