/* hark_listen_at: a listening socket in one call. What must hold: where it fails nothing is left
 * open, and no path is removed but that of a unix socket on which nobody listens. The calls below
 * it are the core's (os.h). */
#include "hark/listener.h"
#include "hark/os.h"
#include "kernel/kernel.h"

#include <netinet/tcp.h>
#include <string.h>

/* The path of a unix address that is a file; NULL for abstract names and other families. The
 * address was bound, or refused as in use, so the kernel has read it: the path ends inside of
 * it. */
static const char *unix_path(const struct hark_address *address)
{
    bool path = address->name.any.sa_family == AF_UNIX &&
                address->length > offsetof(struct sockaddr_un, sun_path) &&
                address->name.unix_path.sun_path[0] != '\0';
    return path ? address->name.unix_path.sun_path : NULL;
}

/* Removes a socket's path that a process left behind: nobody listens there, which a connection
 * attempt tells (it does not wait: the socket is non-blocking, and a unix connect is answered at
 * once). A file that is no socket is refused by connect(2) in the same way, hence the look at what
 * it is. Two processes that start on one path in the same instant can still remove each other's:
 * who must rule that out holds a lock of his own. Gives: whether the path is gone. */
static bool stale_path_remove(const struct hark_address *address)
{
    struct stat status;
    struct hark_address copy = *address;
    char *path = copy.name.unix_path.sun_path;
    size_t count = address->length - offsetof(struct sockaddr_un, sun_path);
    if (count >= sizeof copy.name.unix_path.sun_path)
        return false; /* a path that fills the field has no end of its own */
    path[count] = '\0';
    int error = kernel_fstatat(NULL, AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW);
    if (error < 0)
        return error == -ENOENT;
    if (!S_ISSOCK(status.st_mode))
        return false;
    int probe = kernel_socket(NULL, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0)
        return false;
    bool stale = kernel_connect(NULL, probe, &copy.name.any, address->length) == -ECONNREFUSED;
    kernel_close(NULL, probe);
    if (!stale)
        return false;
    error = kernel_unlinkat(NULL, AT_FDCWD, path, 0);
    return error == 0 || error == -ENOENT;
}

static int bind_at(struct hark_loop *loop, int fd, const struct hark_address *address)
{
    int error = hark_os_bind(loop, fd, address);
    if (error == -EADDRINUSE && unix_path(address) && stale_path_remove(address))
        error = hark_os_bind(loop, fd, address);
    return error;
}

static int option_set(struct hark_loop *loop, int fd, int level, int option, int value)
{
    return hark_os_setsockopt(loop, fd, level, option, &value, sizeof value);
}

/* The options that must stand before bind. */
static int options_set(struct hark_loop *loop, int fd, const struct hark_address *address,
                       unsigned flags)
{
    int error = 0;
    if (address->name.any.sa_family != AF_UNIX) {
        error = option_set(loop, fd, SOL_SOCKET, SO_REUSEADDR, 1);
        if (error >= 0 && (flags & HARK_LISTEN_NO_DELAY))
            error = option_set(loop, fd, IPPROTO_TCP, TCP_NODELAY, 1);
    }
    if (error >= 0 && (flags & HARK_LISTEN_REUSE_PORT))
        error = option_set(loop, fd, SOL_SOCKET, SO_REUSEPORT, 1);
    /* Said aloud, since the machine's default (net.ipv6.bindv6only) may be the other one. */
    if (error >= 0 && address->name.any.sa_family == AF_INET6 &&
        IN6_IS_ADDR_UNSPECIFIED(&address->name.ip6.sin6_addr))
        error = option_set(loop, fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    return error;
}

static int listen_at(struct hark_loop *loop, const struct hark_address *address, int backlog,
                     unsigned flags)
{
    int fd = hark_os_socket(loop, address->name.any.sa_family, SOCK_STREAM, 0);
    if (fd < 0)
        return fd;
    bool bound = false;
    int error = options_set(loop, fd, address, flags);
    if (error >= 0) {
        error = bind_at(loop, fd, address);
        bound = error >= 0;
    }
    if (error >= 0)
        error = hark_os_listen(loop, fd, backlog);
    if (error >= 0)
        return fd;
    if (bound && unix_path(address))
        stale_path_remove(address);
    hark_os_close(loop, fd);
    return error;
}

int hark_listen_at(struct hark_loop *loop, const struct hark_address *address, int backlog,
                   unsigned flags)
{
    sa_family_t family =
        address->length >= sizeof(sa_family_t) ? address->name.any.sa_family : AF_UNSPEC;
    if (backlog < 0 || backlog > HARK_BACKLOG_MAX ||
        (flags & ~(unsigned)(HARK_LISTEN_REUSE_PORT | HARK_LISTEN_NO_DELAY)) != 0)
        return -EINVAL;
    if (family != AF_INET && family != AF_INET6 && family != AF_UNIX)
        return -EAFNOSUPPORT;
    if (family == AF_UNIX && (flags & HARK_LISTEN_REUSE_PORT))
        return -EOPNOTSUPP; /* some kernels accept the option there and ignore it */
    if (backlog == 0)
        backlog = HARK_BACKLOG_MAX;

    int fd = listen_at(loop, address, backlog, flags);
    /* A machine without IPv6 has nothing but IPv4 that "::" could take. */
    if ((fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL) && family == AF_INET6 &&
        IN6_IS_ADDR_UNSPECIFIED(&address->name.ip6.sin6_addr)) {
        struct hark_address ip4 = {
            .length = sizeof(struct sockaddr_in),
            .name.ip4 = {.sin_family = AF_INET, .sin_port = address->name.ip6.sin6_port}};
        fd = listen_at(loop, &ip4, backlog, flags);
    }
    return fd;
}
