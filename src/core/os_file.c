/* os_file.c - the calls of os_file.h: each is the kernel's, but for the one that is not: the way to
 * a file without links, which is walked here as realpath(3) does it. */
#include "hark/os_file.h"
#include "core/file_call.h"
#include "kernel/kernel.h"

#include <limits.h>
#include <string.h>

enum { LINKS_MAX = 40 }; /* as the kernel's own, path_resolution(7) */

int hark_os_openat(int directory, const char *path, int flags, mode_t mode)
{
    return kernel_openat(NULL, directory, path, flags | O_CLOEXEC, mode);
}

int hark_os_fstatat(int directory, const char *path, struct stat *out_status, int flags)
{
    return kernel_fstatat(NULL, directory, file_call_named(path, flags), out_status, flags);
}

int hark_os_statx(int directory, const char *path, int flags, unsigned mask,
                  struct statx *out_status)
{
    return kernel_statx(NULL, directory, file_call_named(path, flags), flags, mask, out_status);
}

int hark_os_faccessat(int directory, const char *path, int mode)
{
    return kernel_faccessat(NULL, directory, path, mode);
}

int64_t hark_os_readlinkat(int directory, const char *path, char *text, size_t room)
{
    return kernel_readlinkat(NULL, directory, path, text, room);
}

int hark_os_getcwd(char *out_path, size_t room)
{
    return kernel_getcwd(NULL, out_path, room);
}

int64_t hark_os_getdents(int fd, void *bytes, size_t count)
{
    return kernel_getdents64(NULL, fd, bytes, count);
}

/* --- realpath --- */

struct way {
    char at[PATH_MAX];   /* what was walked, without a slash at its end: "" is the root */
    char rest[PATH_MAX]; /* what is left */
    size_t length;       /* of at */
    unsigned links;
};

/* Puts a link's text in front of the rest. */
static int put_before(struct way *way, const char *text, size_t count)
{
    size_t rest = strlen(way->rest);
    if (++way->links > LINKS_MAX)
        return -ELOOP;
    if (count + rest >= sizeof way->rest)
        return -ENAMETOOLONG;
    memmove(way->rest + count, way->rest, rest + 1);
    memcpy(way->rest, text, count);
    return 0;
}

/* One name further: to what it names, or, if that is a link, to what the link names. */
static int go_to(struct way *way, const char *name, size_t count)
{
    char text[PATH_MAX];
    size_t before = way->length;
    if (before + 1 + count >= sizeof way->at)
        return -ENAMETOOLONG;
    way->at[before] = '/';
    memcpy(way->at + before + 1, name, count);
    way->length = before + 1 + count;
    way->at[way->length] = '\0';
    int64_t got = kernel_readlinkat(NULL, AT_FDCWD, way->at, text, sizeof text);
    if (got == -EINVAL) /* no link: it stays */
        return 0;
    if (got < 0)
        return (int)got;
    way->length = got > 0 && *text == '/' ? 0 : before;
    way->at[way->length] = '\0';
    return put_before(way, text, (size_t)got);
}

static void go_up(struct way *way)
{
    while (way->length > 0 && way->at[--way->length] != '/')
        ;
    way->at[way->length] = '\0';
}

/* Takes the next name off the rest. Gives: how long it is, 0: none is left. */
static size_t take_name(struct way *way, char *name)
{
    const char *begin = way->rest + strspn(way->rest, "/");
    size_t count = strcspn(begin, "/");
    memcpy(name, begin, count);
    memmove(way->rest, begin + count, strlen(begin + count) + 1);
    return count;
}

/* What ends in a slash is a directory: a link would have been looked through. */
static int is_there(const struct way *way, bool directory)
{
    struct stat status;
    if (!directory || way->length == 0)
        return 0;
    int error = kernel_fstatat(NULL, AT_FDCWD, way->at, &status, 0);
    return error ? error : S_ISDIR(status.st_mode) ? 0 : -ENOTDIR;
}

int hark_os_realpath(const char *path, char *out_path)
{
    struct way way = {.length = 0};
    char name[PATH_MAX];
    size_t length = strlen(path);
    int error = 0;
    if (*path != '/')
        return -EINVAL;
    if (length >= sizeof way.rest)
        return -ENAMETOOLONG;
    memcpy(way.rest, path, length + 1);
    for (size_t count; !error && (count = take_name(&way, name)) > 0;) {
        bool up = count == 2 && memcmp(name, "..", 2) == 0;
        bool here = count == 1 && *name == '.';
        if (!up && !here)
            error = go_to(&way, name, count);
        else
            error = is_there(&way, true);
        if (up && !error)
            go_up(&way);
    }
    if (!error)
        error = is_there(&way, path[length - 1] == '/');
    if (error)
        return error;
    memcpy(out_path, way.length ? way.at : "/", way.length ? way.length + 1 : 2);
    return 0;
}
