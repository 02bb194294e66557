/* watch_scan.c - see the header. The way down goes name by name from what is watched, so it is as
 * long as it may be, and no symbolic link is followed on it that somebody puts there meanwhile.
 * Nothing stays open: a file system that is watched can be unmounted, and what is removed is
 * gone. */
#include "file/watch_scan.h"
#include "hark/file.h"
#include "kernel/kernel.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

enum { ENTRIES_LEAST = 4096, ENTRIES_ROOM = 2048 };

/* --- the way --- */

/* Gives: a descriptor of what is watched, which can only be asked. */
static int open_root(struct watch_scan *scan)
{
    struct stat status;
    int fd = kernel_openat(NULL, AT_FDCWD, scan->root, O_PATH | O_CLOEXEC, 0);
    if (fd < 0)
        return scan->is_known && (fd == -ENOENT || fd == -ENOTDIR) ? -ESTALE : fd;
    int error = kernel_fstat(NULL, fd, &status);
    if (!error && scan->is_known && (status.st_dev != scan->device || status.st_ino != scan->inode))
        error = -ESTALE;
    if (error) {
        kernel_close(NULL, fd);
        return error;
    }
    scan->is_known = true;
    scan->device = status.st_dev;
    scan->inode = status.st_ino;
    scan->is_directory = S_ISDIR(status.st_mode);
    return fd;
}

/* Steps from a directory to a name in it. */
static int step(int directory, const char *name, int how)
{
    int fd = kernel_openat(NULL, directory, name, how | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    kernel_close(NULL, directory);
    return fd;
}

/* Gives: a descriptor of the directory itself, to be read; of a file, one that can only be
 * asked. */
static int walk(struct watch_scan *scan)
{
    int fd = open_root(scan);
    char *name = scan->path, *end;
    if (fd >= 0 && *name == '\0' && scan->is_directory)
        return step(fd, ".", O_RDONLY);
    for (; fd >= 0 && *name != '\0'; name = end) {
        end = strchrnul(name, '/');
        bool is_last = *end == '\0';
        if (!is_last)
            *end++ = '\0';
        fd = step(fd, name, is_last ? O_RDONLY : O_PATH);
    }
    return fd;
}

/* --- the list --- */

static int make_room(struct watch_scan *scan)
{
    if (scan->room - scan->filled >= ENTRIES_ROOM)
        return 0;
    size_t room = scan->room ? 2 * scan->room : ENTRIES_LEAST;
    char *larger = realloc(scan->entries, room);
    if (!larger)
        return -ENOMEM;
    scan->entries = larger;
    scan->room = room;
    return 0;
}

/* Some file systems leave the kind out: each is asked for. */
static int find_types(int fd, char *entries, size_t filled)
{
    for (size_t at = 0; at < filled;) {
        struct dirent64 *entry = (void *)(entries + at);
        struct stat status;
        at += entry->d_reclen;
        if (entry->d_type != DT_UNKNOWN)
            continue;
        int error = kernel_fstatat(NULL, fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW);
        if (error && error != -ENOENT)
            return error;
        entry->d_type = !error && S_ISDIR(status.st_mode) ? DT_DIR : DT_REG;
    }
    return 0;
}

static int list(struct watch_scan *scan, int fd)
{
    for (;;) {
        int error = make_room(scan);
        if (error)
            return error;
        char *to = scan->entries + scan->filled;
        int64_t count = kernel_getdents64(NULL, fd, to, scan->room - scan->filled);
        if (count == -ENOENT) /* it has been removed: nothing is in it */
            return 0;
        if (count <= 0)
            return (int)count;
        error = find_types(fd, to, (size_t)count);
        if (error)
            return error;
        scan->filled += (size_t)count;
    }
}

/* Gives: the inotify watch of what is open. */
static int watch(const struct watch_scan *scan, int fd)
{
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int number = kernel_inotify_add_watch(NULL, scan->fd, link, scan->events);
    return number == -ENOENT ? -ENOSYS : number;
}

void watch_scan_run(struct watch_scan *scan)
{
    scan->filled = 0;
    scan->watch = -1;
    int fd = walk(scan);
    scan->error = fd < 0 ? fd : 0;
    if (fd < 0)
        return;
    int number = watch(scan, fd);
    if (number < 0)
        scan->error = number;
    else if (scan->is_directory || *scan->path != '\0')
        scan->error = list(scan, fd);
    scan->watch = number;
    kernel_close(NULL, fd);
}

void watch_scan_done(struct watch_scan *scan)
{
    free(scan->root);
    free(scan->path);
    free(scan->entries);
}
