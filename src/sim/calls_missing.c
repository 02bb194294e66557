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

int kernel_isatty(uint64_t *calls, int fd)
{
    return (int)MISSING(calls, "isatty", fd, call_file(fd) ? -ENOTTY : -EBADF);
}
