/* group_listen.c - one address for all loops of a group.
 *
 * SO_REUSEPORT lets every process of a user that sets it join in, so of two servers started by
 * mistake each would take half of the connections without a word. Here the first socket takes the
 * address without it, which nobody else may then have, and is given the option once it listens; the
 * kernel looks at it when the others join (inet_csk_get_port, reuseport_add_sock). What must hold:
 * where it fails, nothing is left open. */
#include "hark/group.h"
#include "hark/listener.h"
#include "hark/os.h"
#include "kernel/kernel.h"

#include <stdlib.h>
#include <string.h>

/* Opens the first socket and tells where it is. */
static int open_first(struct hark_loop *loop, const struct hark_address *address, int backlog,
                      unsigned flags, struct hark_address *out_actual)
{
    const int on = 1;
    int fd = hark_listen_at(loop, address, backlog, flags);
    if (fd < 0)
        return fd;
    int error = hark_os_getsockname(loop, fd, out_actual);
    if (!error && out_actual->name.any.sa_family != AF_UNIX)
        error = hark_os_setsockopt(loop, fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (!error)
        return fd;
    hark_os_close(loop, fd);
    return error;
}

static int open_next(struct hark_loop *loop, const struct hark_address *actual, int backlog,
                     unsigned flags, int first)
{
    if (actual->name.any.sa_family != AF_UNIX)
        return hark_listen_at(loop, actual, backlog, flags | HARK_LISTEN_REUSE_PORT);
    return kernel_fcntl(NULL, first, F_DUPFD_CLOEXEC, 0);
}

int hark_group_listen(struct hark_group *group, const struct hark_address *address, int backlog,
                      unsigned flags, int *out_fds)
{
    struct hark_loop *loop = hark_group_loop(group, 0);
    uint32_t count = hark_group_size(group);
    struct hark_address actual;
    int *fds = malloc(count * sizeof *fds);
    if (!fds)
        return -ENOMEM;
    int error = fds[0] = open_first(loop, address, backlog, flags, &actual);
    uint32_t opened = error >= 0;
    for (; error >= 0 && opened < count; opened += error >= 0)
        error = fds[opened] = open_next(loop, &actual, backlog, flags, fds[0]);
    if (error >= 0)
        memcpy(out_fds, fds, count * sizeof *fds);
    else
        while (opened > 0)
            hark_os_close(loop, fds[--opened]);
    free(fds);
    return error < 0 ? error : 0;
}
