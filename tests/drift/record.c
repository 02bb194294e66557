/* record.c - see the header. It may be in any thread and in a signal's handler, and in a world: so
 * it asks the real kernel by syscall(2), and what it cannot note at once it leaves out. */
#include "drift/record.h"

#include "hark/base.h"
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LINES = 2048, LINE_BYTES = 64 };

static char lines[LINES][LINE_BYTES];
static size_t line_count;
static atomic_flag busy = ATOMIC_FLAG_INIT;

static const char *file_of_calls(void)
{
    return getenv("HARK_TEST_CALLS");
}

bool record_is_on(void)
{
    static _Atomic(int) state; /* 0: not asked yet, 1: off, 2: on */
    if (atomic_load(&state) == 0)
        atomic_store(&state, file_of_calls() ? 2 : 1);
    return atomic_load(&state) == 2;
}

static bool is_known(const char *line)
{
    for (size_t i = 0; i < line_count; i++)
        if (strcmp(lines[i], line) == 0)
            return true;
    return false;
}

static void add(const char *line)
{
    if (line_count == LINES || is_known(line))
        return;
    memcpy(lines[line_count++], line, LINE_BYTES);
    long fd = syscall(SYS_openat, AT_FDCWD, file_of_calls(),
                      O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    (void)syscall(SYS_write, fd, line, strlen(line));
    (void)syscall(SYS_close, fd);
}

void record_call(const char *call, const char *kind, int64_t result)
{
    char line[LINE_BYTES] = {0};
    const char *outcome = result < 0 ? hark_error_name(result) : result == 0 ? "0" : "some";
    snprintf(line, sizeof line, "%s %s %s\n", call, kind, outcome);
    if (atomic_flag_test_and_set(&busy))
        return;
    add(line);
    atomic_flag_clear(&busy);
}

/* --- kinds --- */

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
