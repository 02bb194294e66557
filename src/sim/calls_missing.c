/* calls_missing.c - the calls that this kernel has not got yet: it answers as kernels do that were
 * built without them. */
#include "sim/call.h"

#define MISSING(calls, name, fd, error) CALL(calls, name, fd, error)

int kernel_memfd_create(uint64_t *calls, const char *name, unsigned flags)
{
    (void)name;
    (void)flags;
    return (int)MISSING(calls, "memfd_create", -1, -ENOSYS);
}

int kernel_socket(uint64_t *calls, int family, int type, int protocol)
{
    (void)family;
    (void)type;
    (void)protocol;
    return (int)MISSING(calls, "socket", -1, -EAFNOSUPPORT);
}

int kernel_bind(uint64_t *calls, int fd, const struct sockaddr *name, socklen_t length)
{
    (void)name;
    (void)length;
    return (int)MISSING(calls, "bind", fd, -ENOTSOCK);
}

int kernel_listen(uint64_t *calls, int fd, int backlog)
{
    (void)backlog;
    return (int)MISSING(calls, "listen", fd, -ENOTSOCK);
}

int kernel_accept4(uint64_t *calls, int fd, struct sockaddr *out_name, socklen_t *length, int flags)
{
    (void)out_name;
    (void)length;
    (void)flags;
    return (int)MISSING(calls, "accept4", fd, -ENOTSOCK);
}

int kernel_connect(uint64_t *calls, int fd, const struct sockaddr *name, socklen_t length)
{
    (void)name;
    (void)length;
    return (int)MISSING(calls, "connect", fd, -ENOTSOCK);
}

int kernel_shutdown(uint64_t *calls, int fd, int how)
{
    (void)how;
    return (int)MISSING(calls, "shutdown", fd, -ENOTSOCK);
}

int kernel_setsockopt(uint64_t *calls, int fd, int level, int option, const void *value,
                      socklen_t length)
{
    (void)level;
    (void)option;
    (void)value;
    (void)length;
    return (int)MISSING(calls, "setsockopt", fd, -ENOTSOCK);
}

int kernel_getsockopt(uint64_t *calls, int fd, int level, int option, void *out_value,
                      socklen_t *length)
{
    (void)level;
    (void)option;
    (void)out_value;
    (void)length;
    return (int)MISSING(calls, "getsockopt", fd, -ENOTSOCK);
}

int kernel_getsockname(uint64_t *calls, int fd, struct sockaddr *out_name, socklen_t *length)
{
    (void)out_name;
    (void)length;
    return (int)MISSING(calls, "getsockname", fd, -ENOTSOCK);
}

int kernel_getpeername(uint64_t *calls, int fd, struct sockaddr *out_name, socklen_t *length)
{
    (void)out_name;
    (void)length;
    return (int)MISSING(calls, "getpeername", fd, -ENOTSOCK);
}

int64_t kernel_recv(uint64_t *calls, int fd, void *bytes, size_t count, int flags)
{
    (void)bytes;
    (void)count;
    (void)flags;
    return MISSING(calls, "recv", fd, -ENOTSOCK);
}

int64_t kernel_send(uint64_t *calls, int fd, const void *bytes, size_t count, int flags)
{
    (void)bytes;
    (void)count;
    (void)flags;
    return MISSING(calls, "send", fd, -ENOTSOCK);
}

int64_t kernel_recvmsg(uint64_t *calls, int fd, struct msghdr *message, int flags)
{
    (void)message;
    (void)flags;
    return MISSING(calls, "recvmsg", fd, -ENOTSOCK);
}

int64_t kernel_sendmsg(uint64_t *calls, int fd, const struct msghdr *message, int flags)
{
    (void)message;
    (void)flags;
    return MISSING(calls, "sendmsg", fd, -ENOTSOCK);
}

int kernel_openat(uint64_t *calls, int directory, const char *path, int flags, mode_t mode)
{
    (void)path;
    (void)flags;
    (void)mode;
    return (int)MISSING(calls, "openat", directory, -ENOENT);
}

int kernel_fstatat(uint64_t *calls, int directory, const char *path, struct stat *out_status,
                   int flags)
{
    (void)path;
    (void)out_status;
    (void)flags;
    return (int)MISSING(calls, "fstatat", directory, -ENOENT);
}

int kernel_statx(uint64_t *calls, int directory, const char *path, int flags, unsigned mask,
                 struct statx *out_status)
{
    (void)path;
    (void)flags;
    (void)mask;
    (void)out_status;
    return (int)MISSING(calls, "statx", directory, -ENOENT);
}

int kernel_fsync(uint64_t *calls, int fd)
{
    return (int)MISSING(calls, "fsync", fd, -EINVAL);
}

int kernel_fdatasync(uint64_t *calls, int fd)
{
    return (int)MISSING(calls, "fdatasync", fd, -EINVAL);
}

int kernel_ftruncate(uint64_t *calls, int fd, off64_t length)
{
    (void)length;
    return (int)MISSING(calls, "ftruncate", fd, -EINVAL);
}

int kernel_fallocate(uint64_t *calls, int fd, int mode, off64_t offset, off64_t count)
{
    (void)mode;
    (void)offset;
    (void)count;
    return (int)MISSING(calls, "fallocate", fd, -EINVAL);
}

int kernel_renameat2(uint64_t *calls, int from, const char *old, int to, const char *new,
                     unsigned flags)
{
    (void)old;
    (void)to;
    (void)new;
    (void)flags;
    return (int)MISSING(calls, "renameat2", from, -ENOENT);
}

int kernel_unlinkat(uint64_t *calls, int directory, const char *path, int flags)
{
    (void)path;
    (void)flags;
    return (int)MISSING(calls, "unlinkat", directory, -ENOENT);
}

int kernel_mkdirat(uint64_t *calls, int directory, const char *path, mode_t mode)
{
    (void)path;
    (void)mode;
    return (int)MISSING(calls, "mkdirat", directory, -EROFS);
}

int64_t kernel_getdents64(uint64_t *calls, int fd, void *entries, size_t count)
{
    (void)entries;
    (void)count;
    return MISSING(calls, "getdents64", fd, -ENOTDIR);
}

int64_t kernel_copy_file_range(uint64_t *calls, int from, off64_t *from_offset, int to,
                               off64_t *to_offset, size_t count)
{
    (void)from_offset;
    (void)to;
    (void)to_offset;
    (void)count;
    return MISSING(calls, "copy_file_range", from, -EINVAL);
}

int kernel_isatty(uint64_t *calls, int fd)
{
    return (int)MISSING(calls, "isatty", fd, call_file(fd) ? -ENOTTY : -EBADF);
}

int64_t kernel_readlinkat(uint64_t *calls, int directory, const char *path, char *text, size_t room)
{
    (void)path;
    (void)text;
    (void)room;
    return MISSING(calls, "readlinkat", directory, -ENOENT);
}

int kernel_faccessat(uint64_t *calls, int directory, const char *path, int mode)
{
    (void)path;
    (void)mode;
    return (int)MISSING(calls, "faccessat", directory, -ENOENT);
}

int kernel_getcwd(uint64_t *calls, char *out_path, size_t room)
{
    (void)out_path;
    (void)room;
    return (int)MISSING(calls, "getcwd", -1, -ENOENT);
}

int kernel_flock(uint64_t *calls, int fd, int operation)
{
    (void)operation;
    return (int)MISSING(calls, "flock", fd, -ENOLCK);
}

int kernel_inotify_init1(uint64_t *calls, int flags)
{
    (void)flags;
    return (int)MISSING(calls, "inotify_init1", -1, -ENOSYS);
}

int kernel_inotify_add_watch(uint64_t *calls, int fd, const char *path, uint32_t events)
{
    (void)path;
    (void)events;
    return (int)MISSING(calls, "inotify_add_watch", fd, -ENOSYS);
}

int kernel_inotify_rm_watch(uint64_t *calls, int fd, int watch)
{
    (void)watch;
    return (int)MISSING(calls, "inotify_rm_watch", fd, -ENOSYS);
}
