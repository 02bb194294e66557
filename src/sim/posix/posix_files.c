/* posix_files.c - see posix.h: descriptors, files, sockets, waiting. */
#include "sim/posix/posix.h"

#include <stdarg.h>

/* --- descriptors --- */

POSIX(int, close, (int fd), (fd), kernel_close(NULL, fd))
POSIX(ssize_t, read, (int fd, void *bytes, size_t count), (fd, bytes, count),
      kernel_read(NULL, fd, bytes, count))
POSIX(ssize_t, write, (int fd, const void *bytes, size_t count), (fd, bytes, count),
      kernel_write(NULL, fd, bytes, count))
POSIX(ssize_t, readv, (int fd, const struct iovec *vector, int count), (fd, vector, count),
      kernel_readv(NULL, fd, vector, count))
POSIX(ssize_t, writev, (int fd, const struct iovec *vector, int count), (fd, vector, count),
      kernel_writev(NULL, fd, vector, count))
POSIX(ssize_t, pread64, (int fd, void *bytes, size_t count, off64_t offset),
      (fd, bytes, count, offset), kernel_pread(NULL, fd, bytes, count, offset))
POSIX(ssize_t, pwrite64, (int fd, const void *bytes, size_t count, off64_t offset),
      (fd, bytes, count, offset), kernel_pwrite(NULL, fd, bytes, count, offset))
POSIX(int, dup, (int fd), (fd), kernel_fcntl(NULL, fd, F_DUPFD, 0))
POSIX(int, eventfd, (unsigned count, int flags), (count, flags), kernel_eventfd(NULL, count, flags))

/* What the checked functions of an optimised build are called (fortify). */
POSIX(ssize_t, __read_chk, (int fd, void *bytes, size_t count, size_t room),
      (fd, bytes, count, room), kernel_read(NULL, fd, bytes, count))
POSIX(ssize_t, __pread64_chk, (int fd, void *bytes, size_t count, off64_t offset, size_t room),
      (fd, bytes, count, offset, room), kernel_pread(NULL, fd, bytes, count, offset))
POSIX(ssize_t, __recv_chk, (int fd, void *bytes, size_t count, size_t room, int flags),
      (fd, bytes, count, room, flags), kernel_recv(NULL, fd, bytes, count, flags))
POSIX(int, __poll_chk, (struct pollfd * watched, nfds_t count, int timeout_ms, size_t room),
      (watched, count, timeout_ms, room), kernel_poll(NULL, watched, count, timeout_ms))

static int copy_to(int fd, int wanted, int flags)
{
    struct descriptors *descriptors = &process_current()->descriptors;
    struct file *file = call_file(fd);
    if (!file || wanted < 0 || wanted >= descriptors->limit)
        return -EBADF;
    if (fd == wanted)
        return flags & O_CLOEXEC ? -EINVAL : fd;
    file_hold(file);
    (void)descriptors_close(descriptors, wanted);
    return descriptors_add(descriptors, file, (flags & O_CLOEXEC) != 0, wanted);
}

POSIX(int, dup2, (int fd, int wanted), (fd, wanted), CALL(NULL, "dup2", fd, copy_to(fd, wanted, 0)))
POSIX(int, dup3, (int fd, int wanted, int flags), (fd, wanted, flags),
      CALL(NULL, "dup3", fd, fd == wanted ? -EINVAL : copy_to(fd, wanted, flags)))

int __real_fcntl64(int fd, int command, ...);
HARK_API int __wrap_fcntl64(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...)
{
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    return posix_in_world()
               ? (int)posix_told(kernel_fcntl(NULL, fd, command, (int)(intptr_t)argument))
               : __real_fcntl64(fd, command, argument);
}

int __real_ioctl(int fd, unsigned long request, ...);
HARK_API int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...)
{
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    return posix_in_world() ? (int)posix_told(kernel_ioctl(NULL, fd, request, argument))
                            : __real_ioctl(fd, request, argument);
}

/* --- files and names --- */

int __real_openat64(int directory, const char *path, int flags, ...);
HARK_API int __wrap_openat64(int directory, const char *path, int flags, ...);
int __wrap_openat64(int directory, const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    if (!posix_in_world())
        return __real_openat64(directory, path, flags, mode);
    posix_names();
    return (int)posix_told(kernel_openat(NULL, directory, path, flags, mode));
}

int __real_open64(const char *path, int flags, ...);
HARK_API int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    if (!posix_in_world())
        return __real_open64(path, flags, mode);
    posix_names();
    return (int)posix_told(kernel_openat(NULL, AT_FDCWD, path, flags, mode));
}

POSIX(int, __open64_2, (const char *path, int flags), (path, flags),
      kernel_openat(NULL, AT_FDCWD, path, flags, 0))
POSIX(int, fstat64, (int fd, struct stat64 *out_status), (fd, out_status),
      kernel_fstat(NULL, fd, (struct stat *)out_status))
POSIX(int, stat64, (const char *path, struct stat64 *out_status), (path, out_status),
      kernel_fstatat(NULL, AT_FDCWD, path, (struct stat *)out_status, 0))
POSIX(int, lstat64, (const char *path, struct stat64 *out_status), (path, out_status),
      kernel_fstatat(NULL, AT_FDCWD, path, (struct stat *)out_status, AT_SYMLINK_NOFOLLOW))
POSIX(int, access, (const char *path, int mode), (path, mode),
      kernel_faccessat(NULL, AT_FDCWD, path, mode))
POSIX(int, unlink, (const char *path), (path), kernel_unlinkat(NULL, AT_FDCWD, path, 0))
POSIX(int, unlinkat, (int directory, const char *path, int flags), (directory, path, flags),
      kernel_unlinkat(NULL, directory, path, flags))
POSIX(int, rmdir, (const char *path), (path), kernel_unlinkat(NULL, AT_FDCWD, path, AT_REMOVEDIR))
POSIX(int, mkdir, (const char *path, mode_t mode), (path, mode),
      kernel_mkdirat(NULL, AT_FDCWD, path, mode))
POSIX(int, mkdirat, (int directory, const char *path, mode_t mode), (directory, path, mode),
      kernel_mkdirat(NULL, directory, path, mode))
POSIX(int, rename, (const char *old, const char *new), (old, new),
      kernel_renameat2(NULL, AT_FDCWD, old, AT_FDCWD, new, 0))
POSIX(int, fsync, (int fd), (fd), kernel_fsync(NULL, fd))
POSIX(int, fdatasync, (int fd), (fd), kernel_fdatasync(NULL, fd))
POSIX(int, ftruncate64, (int fd, off64_t length), (fd, length), kernel_ftruncate(NULL, fd, length))

/* --- sockets --- */

POSIX(int, socket, (int family, int type, int protocol), (family, type, protocol),
      kernel_socket(NULL, family, type, protocol))
POSIX(int, bind, (int fd, const struct sockaddr *name, socklen_t length), (fd, name, length),
      kernel_bind(NULL, fd, name, length))
POSIX(int, listen, (int fd, int backlog), (fd, backlog), kernel_listen(NULL, fd, backlog))
POSIX(int, accept4, (int fd, struct sockaddr *name, socklen_t *length, int flags),
      (fd, name, length, flags), kernel_accept4(NULL, fd, name, length, flags))
POSIX(int, accept, (int fd, struct sockaddr *name, socklen_t *length), (fd, name, length),
      kernel_accept4(NULL, fd, name, length, 0))
POSIX(int, connect, (int fd, const struct sockaddr *name, socklen_t length), (fd, name, length),
      kernel_connect(NULL, fd, name, length))
POSIX(int, shutdown, (int fd, int how), (fd, how), kernel_shutdown(NULL, fd, how))
POSIX(int, setsockopt, (int fd, int level, int option, const void *value, socklen_t length),
      (fd, level, option, value, length), kernel_setsockopt(NULL, fd, level, option, value, length))
POSIX(int, getsockopt, (int fd, int level, int option, void *value, socklen_t *length),
      (fd, level, option, value, length), kernel_getsockopt(NULL, fd, level, option, value, length))
POSIX(int, getsockname, (int fd, struct sockaddr *name, socklen_t *length), (fd, name, length),
      kernel_getsockname(NULL, fd, name, length))
POSIX(int, getpeername, (int fd, struct sockaddr *name, socklen_t *length), (fd, name, length),
      kernel_getpeername(NULL, fd, name, length))
POSIX(ssize_t, recv, (int fd, void *bytes, size_t count, int flags), (fd, bytes, count, flags),
      kernel_recv(NULL, fd, bytes, count, flags))
POSIX(ssize_t, send, (int fd, const void *bytes, size_t count, int flags),
      (fd, bytes, count, flags), kernel_send(NULL, fd, bytes, count, flags))
POSIX(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags),
      kernel_recvmsg(NULL, fd, message, flags))
POSIX(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags),
      kernel_sendmsg(NULL, fd, message, flags))

static int64_t send_to(int fd, const void *bytes, size_t count, int flags,
                       const struct sockaddr *name, socklen_t length)
{
    struct iovec vector = {(void *)(uintptr_t)bytes, count};
    struct msghdr message = {.msg_name = (void *)(uintptr_t)name,
                             .msg_namelen = name ? length : 0,
                             .msg_iov = &vector,
                             .msg_iovlen = 1};
    return kernel_sendmsg(NULL, fd, &message, flags);
}

static int64_t receive_from(int fd, void *bytes, size_t count, int flags, struct sockaddr *name,
                            socklen_t *length)
{
    struct iovec vector = {bytes, count};
    struct msghdr message = {
        .msg_name = name, .msg_namelen = name ? *length : 0, .msg_iov = &vector, .msg_iovlen = 1};
    int64_t result = kernel_recvmsg(NULL, fd, &message, flags);
    if (result >= 0 && name)
        *length = message.msg_namelen;
    return result;
}

POSIX(ssize_t, sendto,
      (int fd, const void *bytes, size_t count, int flags, const struct sockaddr *name,
       socklen_t length),
      (fd, bytes, count, flags, name, length), send_to(fd, bytes, count, flags, name, length))
POSIX(ssize_t, recvfrom,
      (int fd, void *bytes, size_t count, int flags, struct sockaddr *name, socklen_t *length),
      (fd, bytes, count, flags, name, length), receive_from(fd, bytes, count, flags, name, length))

/* --- waiting --- */

POSIX(int, poll, (struct pollfd * watched, nfds_t count, int timeout_ms),
      (watched, count, timeout_ms), kernel_poll(NULL, watched, count, timeout_ms))
POSIX(int, epoll_create1, (int flags), (flags), kernel_epoll_create1(NULL, flags))
POSIX(int, epoll_ctl, (int epoll, int operation, int fd, struct epoll_event *event),
      (epoll, operation, fd, event), kernel_epoll_ctl(NULL, epoll, operation, fd, event))
POSIX(int, epoll_wait, (int epoll, struct epoll_event *events, int room, int timeout_ms),
      (epoll, events, room, timeout_ms), kernel_epoll_wait(NULL, epoll, events, room, timeout_ms))
