/* posix_names.c - see posix.h: names, locks and inotify, as programs call them beside hark. */
#include "sim/disk/names.h"
#include "sim/disk/opened.h"
#include "sim/posix/posix.h"

/* --- positions --- */

static int64_t seek(int fd, off64_t offset, int whence)
{
    struct file *file = call_file(fd);
    return !file ? -EBADF : opened_seek(file, offset, whence);
}

POSIX(off64_t, lseek64, (int fd, off64_t offset, int whence), (fd, offset, whence),
      CALL(NULL, "lseek", fd, seek(fd, offset, whence)))

/* --- names --- */

POSIX(int, symlink, (const char *target, const char *path), (target, path),
      CALL(NULL, "symlink", AT_FDCWD, names_link(process_current(), target, AT_FDCWD, path)))
POSIX(int, symlinkat, (const char *target, int directory, const char *path),
      (target, directory, path),
      CALL(NULL, "symlink", directory, names_link(process_current(), target, directory, path)))
POSIX(int, mkfifo, (const char *path, mode_t mode), (path, mode),
      CALL(NULL, "mknodat", AT_FDCWD, names_make_pipe(process_current(), AT_FDCWD, path, mode)))
POSIX(int, mkfifoat, (int directory, const char *path, mode_t mode), (directory, path, mode),
      CALL(NULL, "mknodat", directory, names_make_pipe(process_current(), directory, path, mode)))
POSIX(ssize_t, readlink, (const char *path, char *text, size_t room), (path, text, room),
      kernel_readlinkat(NULL, AT_FDCWD, path, text, room))
POSIX(ssize_t, readlinkat, (int directory, const char *path, char *text, size_t room),
      (directory, path, text, room), kernel_readlinkat(NULL, directory, path, text, room))
POSIX(int, fstatat64, (int directory, const char *path, struct stat64 *out_status, int flags),
      (directory, path, out_status, flags),
      kernel_fstatat(NULL, directory, path, (struct stat *)out_status, flags))
POSIX(int, statx,
      (int directory, const char *path, int flags, unsigned mask, struct statx *out_status),
      (directory, path, flags, mask, out_status),
      kernel_statx(NULL, directory, path, flags, mask, out_status))
POSIX(int, renameat2, (int from, const char *old, int to, const char *new, unsigned flags),
      (from, old, to, new, flags), kernel_renameat2(NULL, from, old, to, new, flags))
POSIX(int, fallocate64, (int fd, int mode, off64_t offset, off64_t count),
      (fd, mode, offset, count), kernel_fallocate(NULL, fd, mode, offset, count))

/* remove(3): as unlink, or as rmdir. */
static int take_away(const char *path)
{
    int error = kernel_unlinkat(NULL, AT_FDCWD, path, 0);
    return error == -EISDIR ? kernel_unlinkat(NULL, AT_FDCWD, path, AT_REMOVEDIR) : error;
}

POSIX(int, remove, (const char *path), (path), take_away(path))

/* --- locks, inotify --- */

POSIX(int, flock, (int fd, int operation), (fd, operation), kernel_flock(NULL, fd, operation))
POSIX(int, inotify_init1, (int flags), (flags), kernel_inotify_init1(NULL, flags))
POSIX(int, inotify_add_watch, (int fd, const char *path, uint32_t events), (fd, path, events),
      kernel_inotify_add_watch(NULL, fd, path, events))
POSIX(int, inotify_rm_watch, (int fd, int watch), (fd, watch),
      kernel_inotify_rm_watch(NULL, fd, watch))
