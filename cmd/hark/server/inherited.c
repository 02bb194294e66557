/* inherited.c - see the header. */
#include "server/inherited.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "options/value.h"

int inherited_count(void)
{
    const char *count = hark_os_getenv("LISTEN_FDS"), *whose = hark_os_getenv("LISTEN_PID");
    uint64_t number = 0, process = 0;
    if (!count || !whose)
        return 0;
    if (value_count(whose, &process) || value_count(count, &number) || number > INHERITED_MAX)
        return -EINVAL;
    return process == (uint64_t)hark_os_getpid() ? (int)number : 0;
}

bool inherited_is_lines(size_t index)
{
    static const char lines[] = "lines";
    const char *names = hark_os_getenv("LISTEN_FDNAMES");
    while (names && index-- > 0) {
        names = strchr(names, ':');
        names += names ? 1 : 0;
    }
    return names && strncmp(names, lines, sizeof lines - 1) == 0;
}

int inherited_prepare(int fd, struct hark_address *out_address)
{
    int listens = 0;
    socklen_t length = sizeof listens;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) < 0)
        return -errno;
    if (!listens)
        return -EINVAL;
    out_address->length = sizeof out_address->name;
    if (getsockname(fd, &out_address->name.any, &out_address->length) < 0)
        return -errno;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return -errno;
    return 0;
}
