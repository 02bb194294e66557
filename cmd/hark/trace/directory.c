/* directory.c - a directory in memory, if there is room: a mapped file on a disk is written out by
 * the kernel again and again. */
#include "trace/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/say.h"

static const uint64_t room_wanted = 512u << 20;

static bool has_room(const char *path)
{
    struct statvfs found;
    return statvfs(path, &found) == 0 && access(path, W_OK | X_OK) == 0 &&
           (uint64_t)found.f_bavail * found.f_frsize >= room_wanted;
}

static const char *parent(void)
{
    const char *given = getenv("TMPDIR");
    if (given && *given)
        return given;
    return has_room("/dev/shm") ? "/dev/shm" : "/tmp";
}

static int use(struct trace_directory *directory, const char *path)
{
    int length = snprintf(directory->path, sizeof directory->path, "%s", path);
    if (length < 0 || (size_t)length >= sizeof directory->path)
        return -ENAMETOOLONG;
    return mkdir(path, 0700) == 0 || errno == EEXIST ? 0 : -errno;
}

/* The traced program may be in another directory than this one. */
static int make_absolute(struct trace_directory *directory)
{
    char *whole = realpath(directory->path, NULL);
    if (!whole)
        return -errno;
    int length = snprintf(directory->path, sizeof directory->path, "%s", whole);
    free(whole);
    return length > 0 && (size_t)length < sizeof directory->path ? 0 : -ENAMETOOLONG;
}

static int make_temporary(struct trace_directory *directory)
{
    int length =
        snprintf(directory->path, sizeof directory->path, "%s/hark-trace-XXXXXX", parent());
    if (length < 0 || (size_t)length >= sizeof directory->path)
        return -ENAMETOOLONG;
    directory->temporary = mkdtemp(directory->path);
    return directory->temporary ? 0 : -errno;
}

int trace_directory_make(struct trace_directory *directory, const char *keep)
{
    int error = keep ? use(directory, keep) : make_temporary(directory);
    if (!error)
        error = make_absolute(directory);
    if (error)
        say("trace: cannot make the directory %s: %s", directory->path, why(error));
    return error;
}

void trace_directory_remove(struct trace_directory *directory)
{
    if (!directory->temporary)
        return;
    DIR *listing = opendir(directory->path);
    const struct dirent *entry;
    while (listing && (entry = readdir(listing)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(listing), entry->d_name, 0);
    if (listing)
        closedir(listing);
    rmdir(directory->path);
    directory->temporary = false;
}
