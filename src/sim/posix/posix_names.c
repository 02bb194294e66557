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
      kernel_symlinkat(NULL, target, AT_FDCWD, path))
POSIX(int, symlinkat, (const char *target, int directory, const char *path),
      (target, directory, path), kernel_symlinkat(NULL, target, directory, path))
POSIX(int, link, (const char *from, const char *to), (from, to),
      kernel_linkat(NULL, AT_FDCWD, from, AT_FDCWD, to, 0))
POSIX(int, linkat, (int from, const char *old, int to, const char *new, int flags),
      (from, old, to, new, flags), kernel_linkat(NULL, from, old, to, new, flags))
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

/* --- what is known of a file --- */

/* Unlike the calls of a path, those of a descriptor take no place (O_PATH). */
static bool is_place(int fd)
{
    const struct file *file = call_file(fd);
    return file && file->flags & O_PATH;
}

#define OF_OPEN(name, fd, call) (is_place(fd) ? CALL(NULL, name, fd, -EBADF) : (call))

/* What setxattrat(2) takes besides, the others do not know. */
static int set_attribute(int directory, const char *path, int flags, const char *name,
                         const void *value, size_t size, int how)
{
    if (how & ~(XATTR_CREATE | XATTR_REPLACE))
        return (int)CALL(NULL, "setxattr", directory, -EINVAL);
    return kernel_setxattrat(NULL, directory, path, flags | how, name, value, size);
}

POSIX(int, chmod, (const char *path, mode_t mode), (path, mode),
      kernel_fchmodat(NULL, AT_FDCWD, path, mode, 0))
POSIX(int, fchmod, (int fd, mode_t mode), (fd, mode),
      OF_OPEN("fchmodat", fd, kernel_fchmodat(NULL, fd, "", mode, AT_EMPTY_PATH)))
POSIX(int, fchmodat, (int directory, const char *path, mode_t mode, int flags),
      (directory, path, mode, flags), kernel_fchmodat(NULL, directory, path, mode, flags))
POSIX(int, chown, (const char *path, uid_t owner, gid_t group), (path, owner, group),
      kernel_fchownat(NULL, AT_FDCWD, path, owner, group, 0))
POSIX(int, lchown, (const char *path, uid_t owner, gid_t group), (path, owner, group),
      kernel_fchownat(NULL, AT_FDCWD, path, owner, group, AT_SYMLINK_NOFOLLOW))
POSIX(int, fchown, (int fd, uid_t owner, gid_t group), (fd, owner, group),
      OF_OPEN("fchownat", fd, kernel_fchownat(NULL, fd, "", owner, group, AT_EMPTY_PATH)))
POSIX(int, fchownat, (int directory, const char *path, uid_t owner, gid_t group, int flags),
      (directory, path, owner, group, flags),
      kernel_fchownat(NULL, directory, path, owner, group, flags))
POSIX(int, utimensat, (int directory, const char *path, const struct timespec *times, int flags),
      (directory, path, times, flags), kernel_utimensat(NULL, directory, path, times, flags))
POSIX(int, futimens, (int fd, const struct timespec *times), (fd, times),
      OF_OPEN("utimensat", fd, kernel_utimensat(NULL, fd, "", times, AT_EMPTY_PATH)))
POSIX(int, setxattr,
      (const char *path, const char *name, const void *value, size_t size, int flags),
      (path, name, value, size, flags), set_attribute(AT_FDCWD, path, 0, name, value, size, flags))
POSIX(int, lsetxattr,
      (const char *path, const char *name, const void *value, size_t size, int flags),
      (path, name, value, size, flags),
      set_attribute(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, name, value, size, flags))
POSIX(int, fsetxattr, (int fd, const char *name, const void *value, size_t size, int flags),
      (fd, name, value, size, flags),
      set_attribute(fd, "", AT_EMPTY_PATH, name, value, size, flags))
POSIX(ssize_t, getxattr, (const char *path, const char *name, void *value, size_t size),
      (path, name, value, size), kernel_getxattrat(NULL, AT_FDCWD, path, 0, name, value, size))
POSIX(ssize_t, lgetxattr, (const char *path, const char *name, void *value, size_t size),
      (path, name, value, size),
      kernel_getxattrat(NULL, AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, name, value, size))
POSIX(ssize_t, fgetxattr, (int fd, const char *name, void *value, size_t size),
      (fd, name, value, size), kernel_getxattrat(NULL, fd, "", AT_EMPTY_PATH, name, value, size))
POSIX(ssize_t, listxattr, (const char *path, char *names, size_t size), (path, names, size),
      kernel_listxattrat(NULL, AT_FDCWD, path, 0, names, size))
POSIX(ssize_t, llistxattr, (const char *path, char *names, size_t size), (path, names, size),
      kernel_listxattrat(NULL, AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, names, size))
POSIX(ssize_t, flistxattr, (int fd, char *names, size_t size), (fd, names, size),
      kernel_listxattrat(NULL, fd, "", AT_EMPTY_PATH, names, size))
POSIX(int, removexattr, (const char *path, const char *name), (path, name),
      kernel_removexattrat(NULL, AT_FDCWD, path, 0, name))
POSIX(int, lremovexattr, (const char *path, const char *name), (path, name),
      kernel_removexattrat(NULL, AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, name))
POSIX(int, fremovexattr, (int fd, const char *name), (fd, name),
      kernel_removexattrat(NULL, fd, "", AT_EMPTY_PATH, name))

/* --- locks, inotify --- */

POSIX(int, flock, (int fd, int operation), (fd, operation), kernel_flock(NULL, fd, operation))
POSIX(int, inotify_init1, (int flags), (flags), kernel_inotify_init1(NULL, flags))
POSIX(int, inotify_add_watch, (int fd, const char *path, uint32_t events), (fd, path, events),
      kernel_inotify_add_watch(NULL, fd, path, events))
POSIX(int, inotify_rm_watch, (int fd, int watch), (fd, watch),
      kernel_inotify_rm_watch(NULL, fd, watch))
