/* socket.c - see the header: this kernel has been built without sockets so far. */
#include "sim/socket.h"

#include <errno.h>

int socket_open(struct process *process, int family, int type, int protocol)
{
    (void)process;
    (void)family;
    (void)type;
    (void)protocol;
    return -EAFNOSUPPORT;
}

int socket_bind(struct file *file, const struct sockaddr *name, socklen_t length)
{
    (void)file;
    (void)name;
    (void)length;
    return -ENOTSOCK;
}

int socket_listen(struct file *file, int backlog)
{
    (void)file;
    (void)backlog;
    return -ENOTSOCK;
}

int socket_accept(struct process *process, struct file *file, struct sockaddr *out_name,
                  socklen_t *length, int flags)
{
    (void)process;
    (void)file;
    (void)out_name;
    (void)length;
    (void)flags;
    return -ENOTSOCK;
}

int socket_connect(struct process *process, struct file *file, const struct sockaddr *name,
                   socklen_t length)
{
    (void)process;
    (void)file;
    (void)name;
    (void)length;
    return -ENOTSOCK;
}

int socket_connected(struct file *file)
{
    (void)file;
    return -ENOTSOCK;
}

int socket_shutdown(struct file *file, int how)
{
    (void)file;
    (void)how;
    return -ENOTSOCK;
}

int64_t socket_send(struct process *process, struct file *file, const struct msghdr *message,
                    int flags)
{
    (void)process;
    (void)file;
    (void)message;
    (void)flags;
    return -ENOTSOCK;
}

int64_t socket_receive(struct process *process, struct file *file, struct msghdr *message,
                       int flags)
{
    (void)process;
    (void)file;
    (void)message;
    (void)flags;
    return -ENOTSOCK;
}

int socket_set_option(struct file *file, int level, int option, const void *value, socklen_t length)
{
    (void)file;
    (void)level;
    (void)option;
    (void)value;
    (void)length;
    return -ENOTSOCK;
}

int socket_get_option(struct file *file, int level, int option, void *out_value, socklen_t *length)
{
    (void)file;
    (void)level;
    (void)option;
    (void)out_value;
    (void)length;
    return -ENOTSOCK;
}

int socket_name(struct file *file, struct sockaddr *out_name, socklen_t *length)
{
    (void)file;
    (void)out_name;
    (void)length;
    return -ENOTSOCK;
}

int socket_peer_name(struct file *file, struct sockaddr *out_name, socklen_t *length)
{
    (void)file;
    (void)out_name;
    (void)length;
    return -ENOTSOCK;
}
