/* directory.c - a directory in memory, if there is room: a mapped file on a disk is written out by
 * the kernel again and again. */
#include "trace/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/say.h"

static const uint64_t room_wanted = 512u << 20;
static const time_t seconds_to_lock = 10;

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

static void remove_files(DIR *listing)
{
    const struct dirent *entry;
    while ((entry = readdir(listing)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(listing), entry->d_name, 0);
}

/* Whoever made one has it locked. One that has just been made may not be locked yet. */
static bool is_left_behind(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 && status.st_uid == geteuid() &&
           status.st_mtime + seconds_to_lock < time(NULL) && flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static void remove_if_left_behind(int place, const char *name)
{
    int fd = openat(place, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *listing = fd >= 0 && is_left_behind(fd) ? fdopendir(fd) : NULL;
    if (listing) {
        remove_files(listing);
        unlinkat(place, name, AT_REMOVEDIR);
        closedir(listing);
    } else if (fd >= 0) {
        close(fd);
    }
}

static void remove_stale(const char *place)
{
    DIR *listing = opendir(place);
    const struct dirent *entry;
    while (listing && (entry = readdir(listing)))
        if (fnmatch("hark-trace-??????", entry->d_name, 0) == 0)
            remove_if_left_behind(dirfd(listing), entry->d_name);
    if (listing)
        closedir(listing);
}

static int make_temporary(struct trace_directory *directory)
{
    int length =
        snprintf(directory->path, sizeof directory->path, "%s/hark-trace-XXXXXX", parent());
    if (length < 0 || (size_t)length >= sizeof directory->path)
        return -ENAMETOOLONG;
    remove_stale(parent());
    directory->temporary = mkdtemp(directory->path);
    if (!directory->temporary)
        return -errno;
    int fd = open(directory->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    (void)flock(fd, LOCK_SH); /* elsewhere it is looked after in vain: it stays */
    directory->lock = fd;
    return 0;
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
    if (listing) {
        remove_files(listing);
        closedir(listing);
    }
    rmdir(directory->path);
    if (directory->lock)
        close(directory->lock);
    directory->lock = 0;
    directory->temporary = false;
}
