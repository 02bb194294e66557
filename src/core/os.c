/* os.c - the calls of os.h: each asks the kernel, and the loop knows of what it opens and
 * closes. */
#include "hark/os.h"
#include "core/row.h"

int hark_os_socket(struct hark_loop *loop, int family, int type, int protocol)
{
    int fd = kernel_socket(calls_of(loop), family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
    if (fd >= 0)
        row_forget(loop, fd);
    return fd;
}

int hark_os_bind(struct hark_loop *loop, int fd, const struct hark_address *address)
{
    return kernel_bind(calls_of(loop), fd, &address->name.any, address->length);
}

int hark_os_listen(struct hark_loop *loop, int fd, int backlog)
{
    return kernel_listen(calls_of(loop), fd, backlog);
}

int hark_os_setsockopt(struct hark_loop *loop, int fd, int level, int option, const void *value,
                       socklen_t length)
{
    return kernel_setsockopt(calls_of(loop), fd, level, option, value, length);
}

int hark_os_getsockopt(struct hark_loop *loop, int fd, int level, int option, void *value,
                       socklen_t *length)
{
    return kernel_getsockopt(calls_of(loop), fd, level, option, value, length);
}

int hark_os_getsockname(struct hark_loop *loop, int fd, struct hark_address *out_address)
{
    struct hark_address address = {.length = sizeof address.name};
    int error = kernel_getsockname(calls_of(loop), fd, &address.name.any, &address.length);
    if (!error)
        *out_address = address;
    return error;
}

int hark_os_getpeername(struct hark_loop *loop, int fd, struct hark_address *out_address)
{
    struct hark_address address = {.length = sizeof address.name};
    int error = kernel_getpeername(calls_of(loop), fd, &address.name.any, &address.length);
    if (!error)
        *out_address = address;
    return error;
}

int hark_os_close(struct hark_loop *loop, int fd)
{
    int error = hark_os_forget(loop, fd);
    if (error)
        return error;
    return kernel_close(calls_of(loop), fd);
}

int hark_os_forget(struct hark_loop *loop, int fd)
{
    if (!row_is_free(loop, fd))
        return -EBUSY;
    row_forget(loop, fd);
    return 0;
}

uint64_t hark_os_clock(struct hark_loop *loop)
{
    (void)loop;
    return kernel_clock_gettime(CLOCK_MONOTONIC);
}

uint64_t hark_os_wall_clock(struct hark_loop *loop)
{
    (void)loop;
    return kernel_clock_gettime(CLOCK_REALTIME);
}

int hark_os_random(struct hark_loop *loop, void *bytes, size_t count)
{
    for (char *at = bytes; count > 0;) {
        int64_t got = kernel_getrandom(calls_of(loop), at, count);
        if (got < 0)
            return (int)got;
        at += got;
        count -= (size_t)got;
    }
    return 0;
}
