/* calls_names.c - the calls of kernel.h on files by their names, and on what they led to: names.h
 * with the time that the disk takes. */
#include "sim/calls/call.h"
#include "sim/disk/disk.h"
#include "sim/disk/flock.h"
#include "sim/disk/names.h"
#include "sim/net/pipe.h"
#include "sim/world/faults.h"

#include <poll.h>
#include <string.h>

/* --- paths --- */

/* A call on a path: its faults, its time, and then the call. */
#define CALL_PATH(calls, name, directory, path, made)                                              \
    CALL_WITH_FAULTS(calls, name, directory, walk_begins(name, directory, path) ?: (int64_t)(made))

static int walk_begins(const char *name, int directory, const char *path)
{
    struct process *process = process_current();
    int error = faults_of_path(process, name, directory, path);
    if (!error)
        call_delay(disk_name_delay(process));
    return error;
}

/* A pipe that has a name waits for its other side: fifo(7). Its number is there meanwhile. */
static int open_and_wait(int directory, const char *path, int flags, mode_t mode)
{
    int fd = names_open(process_current(), directory, path, flags, mode, 0);
    struct file *file = fd >= 0 && !(flags & O_NONBLOCK) ? call_file(fd) : NULL;
    if (!file || pipe_is_met(file))
        return fd;
    call_hold(file);
    while (!pipe_is_met(file))
        if (call_block(file, 0, UINT64_MAX) == -EINTR && call_is_broken()) {
            (void)descriptors_close(&process_current()->descriptors, fd);
            return -EINTR;
        }
    return fd;
}

int kernel_openat(uint64_t *calls, int directory, const char *path, int flags, mode_t mode)
{
    return (int)CALL_PATH(calls, "openat", directory, path,
                          open_and_wait(directory, path, flags, mode));
}

/* getname_maybe_null of Linux 6.11: of a stat no path at all is one that is empty. */
static const char *named(const char *path, int flags)
{
    return path || !(flags & AT_EMPTY_PATH) ? path : "";
}

int kernel_fstatat(uint64_t *calls, int directory, const char *path, struct stat *out_status,
                   int flags)
{
    path = named(path, flags);
    return (int)CALL_PATH(calls, "fstatat", directory, path,
                          names_stat(process_current(), directory, path, flags, out_status));
}

int kernel_statx(uint64_t *calls, int directory, const char *path, int flags, unsigned mask,
                 struct statx *out_status)
{
    path = named(path, flags);
    return (int)CALL_PATH(calls, "statx", directory, path,
                          names_statx(process_current(), directory, path, flags, mask, out_status));
}

int kernel_faccessat(uint64_t *calls, int directory, const char *path, int mode)
{
    return (int)CALL_PATH(calls, "faccessat", directory, path,
                          names_access(process_current(), directory, path, mode));
}

int64_t kernel_readlinkat(uint64_t *calls, int directory, const char *path, char *text, size_t room)
{
    return CALL_PATH(calls, "readlinkat", directory, path,
                     names_read_link(process_current(), directory, path, text, room));
}

int kernel_renameat2(uint64_t *calls, int from, const char *old, int to, const char *new,
                     unsigned flags)
{
    return (int)CALL_PATH(calls, "renameat2", from, old,
                          names_rename(process_current(), from, old, to, new, flags));
}

int kernel_unlinkat(uint64_t *calls, int directory, const char *path, int flags)
{
    return (int)CALL_PATH(calls, "unlinkat", directory, path,
                          names_unlink(process_current(), directory, path, flags));
}

int kernel_mkdirat(uint64_t *calls, int directory, const char *path, mode_t mode)
{
    return (int)CALL_PATH(calls, "mkdirat", directory, path,
                          names_make_directory(process_current(), directory, path, mode));
}

int kernel_symlinkat(uint64_t *calls, const char *target, int directory, const char *path)
{
    return (int)CALL_PATH(calls, "symlinkat", directory, path,
                          names_make_link(process_current(), target, directory, path));
}

int kernel_linkat(uint64_t *calls, int from, const char *old, int to, const char *new, int flags)
{
    return (int)CALL_PATH(calls, "linkat", from, old,
                          names_link(process_current(), from, old, to, new, flags));
}

/* --- what is known of a file --- */

int kernel_fchmodat(uint64_t *calls, int directory, const char *path, mode_t mode, int flags)
{
    return (int)CALL_PATH(calls, "fchmodat", directory, path,
                          names_set_mode(process_current(), directory, path, mode, flags));
}

int kernel_fchownat(uint64_t *calls, int directory, const char *path, uid_t owner, gid_t group,
                    int flags)
{
    return (int)CALL_PATH(calls, "fchownat", directory, path,
                          names_set_owner(process_current(), directory, path, owner, group, flags));
}

int kernel_utimensat(uint64_t *calls, int directory, const char *path, const struct timespec *times,
                     int flags)
{
    return (int)CALL_PATH(calls, "utimensat", directory, path,
                          names_set_times(process_current(), directory, path, times, flags));
}

int kernel_setxattrat(uint64_t *calls, int directory, const char *path, int flags, const char *name,
                      const void *value, size_t size)
{
    const int at = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;
    return (int)CALL_PATH(calls, "setxattr", directory, path,
                          names_set_attribute(process_current(), directory, path, flags & at, name,
                                              value, size, flags & ~at));
}

int64_t kernel_getxattrat(uint64_t *calls, int directory, const char *path, int flags,
                          const char *name, void *value, size_t size)
{
    return CALL_PATH(
        calls, "getxattr", directory, path,
        names_get_attribute(process_current(), directory, path, flags, name, value, size));
}

int64_t kernel_listxattrat(uint64_t *calls, int directory, const char *path, int flags, char *names,
                           size_t size)
{
    return CALL_PATH(calls, "listxattr", directory, path,
                     names_list_attributes(process_current(), directory, path, flags, names, size));
}

int kernel_removexattrat(uint64_t *calls, int directory, const char *path, int flags,
                         const char *name)
{
    return (int)CALL_PATH(calls, "removexattr", directory, path,
                          names_remove_attribute(process_current(), directory, path, flags, name));
}

/* --- memory files, the working directory --- */

int kernel_memfd_create(uint64_t *calls, const char *name, unsigned flags)
{
    return (int)CALL(calls, "memfd_create", -1, names_open_memory(process_current(), name, flags));
}

/* Every process works in the root. */
static int working_directory(char *out_path, size_t room)
{
    if (room < 2)
        return room == 0 ? -EINVAL : -ERANGE;
    memcpy(out_path, "/", 2);
    return 0;
}

int kernel_getcwd(uint64_t *calls, char *out_path, size_t room)
{
    return (int)CALL(calls, "getcwd", -1, working_directory(out_path, room));
}

/* --- what is open --- */

/* The file, held, after its time has passed; NULL: there is none. */
static struct file *after(int fd, uint64_t (*delay)(struct file *file))
{
    struct file *file = call_file(fd);
    if (!file)
        return NULL;
    call_hold(file);
    call_delay(delay(file));
    return file;
}

static uint64_t delay_of_length(struct file *file)
{
    return disk_delay(file, 0, true);
}

static uint64_t delay_of_list(struct file *file)
{
    return disk_delay(file, 0, false);
}

static int sync_now(int fd, bool data_alone)
{
    struct file *file = after(fd, disk_sync_delay);
    return file ? names_sync(file, data_alone) : -EBADF;
}

int kernel_fsync(uint64_t *calls, int fd)
{
    return (int)CALL(calls, "fsync", fd, sync_now(fd, false));
}

int kernel_fdatasync(uint64_t *calls, int fd)
{
    return (int)CALL(calls, "fdatasync", fd, sync_now(fd, true));
}

static int cut(int fd, off_t length)
{
    if (length < 0)
        return -EINVAL; /* before the descriptor is looked at */
    struct file *file = after(fd, delay_of_length);
    return file ? names_truncate(file, length) : -EBADF;
}

int kernel_ftruncate(uint64_t *calls, int fd, off_t length)
{
    return (int)CALL(calls, "ftruncate", fd, cut(fd, length));
}

static int allocate(int fd, int mode, off_t offset, off_t count)
{
    struct file *file = after(fd, delay_of_length);
    return file ? names_allocate(file, mode, offset, count) : -EBADF;
}

int kernel_fallocate(uint64_t *calls, int fd, int mode, off_t offset, off_t count)
{
    return (int)CALL(calls, "fallocate", fd, allocate(fd, mode, offset, count));
}

static int64_t list(int fd, void *entries, size_t count)
{
    struct file *file = after(fd, delay_of_list);
    return file ? names_list(file, entries, count) : -EBADF;
}

int64_t kernel_getdents64(uint64_t *calls, int fd, void *entries, size_t count)
{
    return CALL(calls, "getdents64", fd, list(fd, entries, count));
}

static int64_t copy(int from, off_t *from_offset, int to, off_t *to_offset, size_t count)
{
    struct file *source = call_file(from), *target = call_file(to);
    if (!source || !target)
        return -EBADF;
    call_hold(source);
    call_hold(target);
    size_t bytes = count < 65536 ? count : 65536; /* for its time */
    call_delay(disk_delay(source, bytes, false) + disk_delay(target, bytes, true));
    return names_copy(source, from_offset, target, to_offset, count);
}

int64_t kernel_copy_file_range(uint64_t *calls, int from, off_t *from_offset, int to,
                               off_t *to_offset, size_t count)
{
    return CALL(calls, "copy_file_range", from, copy(from, from_offset, to, to_offset, count));
}

/* --- locks --- */

static int lock(int fd, int operation)
{
    struct file *file = call_file(fd);
    if (!file || !flock_is_known(operation))
        return file || !flock_is_known(operation) ? -EINVAL : -EBADF;
    call_hold(file);
    for (;;) {
        int result = flock_try(file, operation);
        if (result != -EAGAIN || operation & LOCK_NB)
            return result;
        if (call_block(file, 0, UINT64_MAX) == -EINTR && call_is_broken())
            return -EINTR;
    }
}

int kernel_flock(uint64_t *calls, int fd, int operation)
{
    return (int)CALL(calls, "flock", fd, lock(fd, operation));
}
