/* os_descriptor.c - the calls of os_descriptor.h: each is the kernel's, and no loop knows of it. */
#include "hark/os_descriptor.h"
#include "kernel/kernel.h"

int64_t hark_os_read(int fd, void *bytes, size_t count)
{
    return kernel_read(NULL, fd, bytes, count);
}

int64_t hark_os_write(int fd, const void *bytes, size_t count)
{
    return kernel_write(NULL, fd, bytes, count);
}

int64_t hark_os_pread(int fd, void *bytes, size_t count, int64_t offset)
{
    return kernel_pread(NULL, fd, bytes, count, offset);
}

int64_t hark_os_recv(int fd, void *bytes, size_t count, int flags)
{
    return kernel_recv(NULL, fd, bytes, count, flags);
}

int64_t hark_os_send(int fd, const void *bytes, size_t count, int flags)
{
    return kernel_send(NULL, fd, bytes, count, flags | MSG_NOSIGNAL);
}

int hark_os_poll(struct pollfd *watched, unsigned count, int timeout_ms)
{
    return kernel_poll(NULL, watched, count, timeout_ms);
}

int hark_os_fstat(int fd, struct stat *out_status)
{
    return kernel_fstat(NULL, fd, out_status);
}

bool hark_os_isatty(int fd)
{
    return kernel_isatty(NULL, fd) == 0;
}

int hark_os_dup(int fd)
{
    return kernel_fcntl(NULL, fd, F_DUPFD_CLOEXEC, 0);
}

int hark_os_flock(int fd, int operation)
{
    return kernel_flock(NULL, fd, operation);
}

int hark_os_close_unknown(int fd)
{
    return kernel_close(NULL, fd);
}
