/* socket_base.c - see the header. */
#include "sim/net/socket_base.h"
#include "sim/world/luck.h"

#include <errno.h>
#include <fcntl.h>

/* SO_SNDBUF and SO_RCVBUF at first: net.core.[rw]mem_default, or what an administrator has made of
 * them (socket(7)). */
enum { BUFFER_USUAL = 212992, SMALL_PER_MILLION = 200000 };

static int buffer_at_first(void)
{
    static const int small[] = {4608, 8192, 16384, 65536};
    return luck_fails(HARK_SIM_FAULT_SMALL, SMALL_PER_MILLION)
               ? small[chance_below(&world->chance, 4)]
               : BUFFER_USUAL;
}

void *socket_base_create(const struct file_kind *kind, const struct socket_calls *calls,
                         size_t bytes, struct machine *machine, int family, int type)
{
    struct socket *socket =
        file_create(kind, bytes, O_RDWR | (type & SOCK_NONBLOCK ? O_NONBLOCK : 0));
    socket->calls = calls;
    socket->machine = machine;
    socket->family = family;
    socket->type = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
    socket->options.send_bytes = buffer_at_first();
    socket->options.receive_bytes = buffer_at_first();
    socket->options.receive_least = 1;
    return socket;
}

int socket_base_take_error(struct socket *socket)
{
    int error = socket->error;
    socket->error = 0;
    return error;
}

void socket_base_status(struct file *file, struct stat *out_status)
{
    (void)file;
    out_status->st_mode = S_IFSOCK | 0777;
}

int64_t socket_base_read(struct file *file, const struct iovec *vector, int count, int64_t offset,
                         int flags)
{
    (void)offset;
    (void)flags;
    struct socket *socket = (struct socket *)file;
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)vector,
                             .msg_iovlen = (size_t)count};
    if (vector_bytes(vector, count) == 0)
        return 0; /* sock_read_iter in Linux's net/socket.c */
    return socket->calls->receive(world->thread ? world->thread->process : NULL, socket, &message,
                                  0);
}

int64_t socket_base_write(struct file *file, const struct iovec *vector, int count, int64_t offset,
                          int flags)
{
    (void)offset;
    (void)flags;
    struct socket *socket = (struct socket *)file;
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)vector,
                             .msg_iovlen = (size_t)count};
    return socket->calls->send(world->thread ? world->thread->process : NULL, socket, &message, 0);
}

void socket_base_hold_no_more(struct socket_holder *holder)
{
    if (!holder->link)
        return;
    *holder->link = holder->next;
    if (holder->next)
        holder->next->link = holder->link;
    holder->link = NULL;
}
