/* os.c - the calls of os.h: each goes to the kernel, real or simulated, that the loop's backend stands on. */
#include "hark/os.h"
#include "core/loop.h"

int hark_os_socket(struct hark_loop *loop, int family, int type, int protocol)
{
    int fd = loop->backend->os->socket(loop, family, type, protocol);
    loop->metrics.system_calls++;
    if (fd >= 0)
        loop_forget_descriptor(loop, fd);
    return fd;
}

int hark_os_bind(struct hark_loop *loop, int fd, const struct hark_address *address)
{
    loop->metrics.system_calls++;
    return loop->backend->os->bind(loop, fd, &address->name.any, address->length);
}

int hark_os_listen(struct hark_loop *loop, int fd, int backlog)
{
    loop->metrics.system_calls++;
    return loop->backend->os->listen(loop, fd, backlog);
}

int hark_os_setsockopt(struct hark_loop *loop, int fd, int level, int option, const void *value, socklen_t length)
{
    loop->metrics.system_calls++;
    return loop->backend->os->setsockopt(loop, fd, level, option, value, length);
}

int hark_os_getsockopt(struct hark_loop *loop, int fd, int level, int option, void *value, socklen_t *length)
{
    loop->metrics.system_calls++;
    return loop->backend->os->getsockopt(loop, fd, level, option, value, length);
}

int hark_os_getsockname(struct hark_loop *loop, int fd, struct hark_address *out_address)
{
    struct hark_address address = {.length = sizeof address.name};
    loop->metrics.system_calls++;
    int error = loop->backend->os->getsockname(loop, fd, &address.name.any, &address.length);
    if (!error)
        *out_address = address;
    return error;
}

int hark_os_getpeername(struct hark_loop *loop, int fd, struct hark_address *out_address)
{
    struct hark_address address = {.length = sizeof address.name};
    loop->metrics.system_calls++;
    int error = loop->backend->os->getpeername(loop, fd, &address.name.any, &address.length);
    if (!error)
        *out_address = address;
    return error;
}

int hark_os_close(struct hark_loop *loop, int fd)
{
    int error = hark_os_forget(loop, fd);
    if (error)
        return error;
    loop->metrics.system_calls++;
    return loop->backend->os->close(loop, fd);
}

int hark_os_forget(struct hark_loop *loop, int fd)
{
    if (!op_row_is_free(loop, fd))
        return -EBUSY;
    loop_forget_descriptor(loop, fd);
    return 0;
}

uint64_t hark_os_clock(struct hark_loop *loop)
{
    return loop->backend->os->clock();
}

uint64_t hark_os_wall_clock(struct hark_loop *loop)
{
    return loop->backend->os->wall_clock();
}

int hark_os_random(struct hark_loop *loop, void *bytes, size_t count)
{
    loop->metrics.system_calls++;
    return loop->backend->os->random(bytes, count);
}
