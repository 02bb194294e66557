/* real.c - descriptors and threads of the real machine, for record.h. */
#include "drift/record.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *kind_of_socket(int fd)
{
    int family = 0, type = 0;
    socklen_t length = sizeof family;
    (void)syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_DOMAIN, &family, &length);
    (void)syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &length);
    if (family == AF_UNIX)
        return "unix";
    return type == SOCK_STREAM ? "tcp" : "udp";
}

static const char *kind_of_file(int fd)
{
    static const char *const kinds[] = {"epoll", "eventfd", "inotify", "io_uring"};
    static const char *const texts[] = {"eventpoll", "eventfd", "inotify", "io_uring"};
    char path[32], text[64] = "";
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    (void)syscall(SYS_readlinkat, AT_FDCWD, path, text, sizeof text - 1);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strstr(text, texts[i]))
            return kinds[i];
    return text[0] == '/' ? "file" : "other";
}

const char *record_kind(int fd)
{
    struct stat status;
    if (fd < 0)
        return "-";
    if (syscall(SYS_fstat, fd, &status) < 0)
        return "none";
    switch (status.st_mode & S_IFMT) {
    case S_IFREG: /* in newer kernels what has no inode of its own, too */
        return kind_of_file(fd);
    case S_IFDIR:
        return "directory";
    case S_IFIFO:
        return "pipe";
    case S_IFCHR:
        return "other";
    case S_IFSOCK:
        return kind_of_socket(fd);
    default:
        return kind_of_file(fd);
    }
}

/* Sockets and pipes have numbers that are not used again for long. */
uint64_t record_file(int fd)
{
    struct stat status;
    if (fd < 0 || syscall(SYS_fstat, fd, &status) < 0)
        return 0;
    return (uint64_t)status.st_ino << 16 ^ (uint64_t)status.st_dev;
}

uint64_t record_thread(void)
{
    return (uint64_t)syscall(SYS_gettid);
}
