/* resolve.c - walks a path as the kernel would, one name after the other, because each step wants a
 * watch.
 *
 * A directory is watched for the fate of one name in it only if that name is expected to change:
 * other directories, such as a busy /tmp on the way, are watched for their own moving and removal
 * alone, which costs nothing while they stay.
 */
#include "tail/resolve.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "hark.h"
#include "tail/again.h"
#include "tail/directory.h"
#include "tail/survey.h"

enum {
    LINKS_MAX = 40,
    SELF_EVENTS = IN_MOVE_SELF | IN_DELETE_SELF,
    NAME_EVENTS = IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM,
    FILE_EVENTS = IN_MODIFY | IN_MOVE_SELF,
    OPENING = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC,
};

struct walk {
    int inotify;
    struct resolution *found;
    char at[PATH_MAX];   /* the directory that was reached; "" is the root */
    char rest[PATH_MAX]; /* the names that are left */
    char name[NAME_MAX + 1];
    unsigned links;
    bool to_directory; /* the last name is not looked at */
};

/* A link is looked at, not followed. */
static int look_at(const char *path, struct stat *out_status)
{
    return hark_os_fstatat(AT_FDCWD, path, out_status, AT_SYMLINK_NOFOLLOW);
}

/* Notes a watch, or the first trouble in setting one. */
static void add_watch(struct walk *walk, uint32_t events, const char *name)
{
    struct resolution *found = walk->found;
    if (*name) {
        found->directory_watch = -1;
        memcpy(found->directory, walk->at, sizeof found->directory);
        snprintf(found->name, sizeof found->name, "%s", name);
    }
    int watch = hark_os_inotify_add_watch(walk->inotify, *walk->at ? walk->at : "/",
                                          events | IN_ONLYDIR | IN_MASK_ADD);
    if (watch < 0 || found->count == RESOLVE_WATCHES_MAX) {
        /* A directory that may be passed but not read (EACCES) cannot be watched; then its fate is
         * not noticed. */
        if (!found->trouble && !(watch == -EACCES && *name == '\0'))
            found->trouble = watch < 0 ? watch : -ENAMETOOLONG;
        return;
    }
    struct resolve_watch *entry = &found->watches[found->count++];
    entry->watch = watch;
    snprintf(entry->name, sizeof entry->name, "%s", name);
    if (*name)
        found->directory_watch = watch;
}

/* Takes the next name off the rest. Gives: 1 a name; 0 there is none. Fails: -ENAMETOOLONG. */
static int take_name(struct walk *walk)
{
    char *begin = walk->rest + strspn(walk->rest, "/");
    size_t count = strcspn(begin, "/");
    if (count == 0)
        return 0;
    if (count > NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(walk->name, begin, count);
    walk->name[count] = '\0';
    memmove(walk->rest, begin + count, strlen(begin + count) + 1);
    return 1;
}

static bool is_last(const struct walk *walk)
{
    return walk->rest[strspn(walk->rest, "/")] == '\0';
}

/* Puts directory and name together. Fails: -ENAMETOOLONG. */
static int join(const struct walk *walk, char *path)
{
    int length = snprintf(path, PATH_MAX, "%s/%s", walk->at, walk->name);
    return length < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* Puts what a symbolic link holds in front of the rest. */
static int follow_link(struct walk *walk, const char *path)
{
    char target[PATH_MAX];
    char rest[PATH_MAX];
    if (++walk->links > LINKS_MAX)
        return -ELOOP;
    int64_t count = hark_os_readlinkat(AT_FDCWD, path, target, sizeof target - 1);
    if (count < 0)
        return (int)count;
    target[count] = '\0';
    if (*target == '/')
        walk->at[0] = '\0';
    if (snprintf(rest, sizeof rest, "%s/%s", target, walk->rest) >= (int)sizeof rest)
        return -ENAMETOOLONG;
    memcpy(walk->rest, rest, sizeof rest);
    return 0;
}

/* Watches an open file: by its descriptor, so that it is that very file. Gives: the watch. Fails: a
 * negative errno. */
static int watch_file(int inotify, int fd, const char *path)
{
    char name[32];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    int watch = hark_os_inotify_add_watch(inotify, name, FILE_EVENTS | IN_MASK_ADD);
    if (watch == -ENOENT) /* no /proc here */
        watch = hark_os_inotify_add_watch(inotify, path, FILE_EVENTS | IN_MASK_ADD);
    return watch;
}

/* Opens what stands at the end of the way. Gives: the descriptor. Fails: a negative errno. */
static int open_file(struct walk *walk, const char *path)
{
    struct resolution *found = walk->found;
    struct stat status;
    /* Non-blocking, so that a pipe without a writer does not hold up the thread; regular files do
     * not mind. */
    int fd = hark_os_openat(AT_FDCWD, path, OPENING, 0);
    if (fd < 0)
        return fd;
    int error = hark_os_fstat(fd, &status);
    if (!error)
        error = S_ISREG(status.st_mode) ? 0 : S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
    if (error) {
        hark_os_close_unknown(fd);
        return error;
    }
    found->device = status.st_dev;
    found->inode = status.st_ino;
    found->born_ns = survey_birth(fd);
    found->watch = watch_file(walk->inotify, fd, path);
    return fd;
}

/* Goes into a directory that is not expected to change. Gives: false: there is no directory, or it
 * went meanwhile. */
static bool enter_directory(struct walk *walk, const char *path)
{
    char before[PATH_MAX];
    struct stat status;
    if (look_at(path, &status) || !S_ISDIR(status.st_mode))
        return false;
    memcpy(before, walk->at, sizeof before);
    memcpy(walk->at, path, strlen(path) + 1);
    add_watch(walk, SELF_EVENTS, "");
    if (look_at(path, &status) == 0 && S_ISDIR(status.st_mode))
        return true;
    memcpy(walk->at, before, sizeof before);
    return false;
}

/* One name further. Gives: 0 go on; above 0 the file's descriptor, plus one. Fails: a negative
 * errno: the way ends here. */
static int step(struct walk *walk)
{
    char path[PATH_MAX];
    struct stat status;
    int taken = take_name(walk);
    if (taken <= 0)
        return taken < 0 ? taken : -EISDIR;
    if (strcmp(walk->name, ".") == 0)
        return 0;
    if (strcmp(walk->name, "..") == 0) {
        char *slash = strrchr(walk->at, '/');
        if (slash)
            *slash = '\0';
        return 0;
    }
    int error = join(walk, path);
    if (error)
        return error;
    if (!is_last(walk) && enter_directory(walk, path))
        return 0;
    add_watch(walk, NAME_EVENTS, walk->name);
    walk->found->reached = is_last(walk);
    if (walk->to_directory && is_last(walk))
        return -ENOENT;
    error = look_at(path, &status);
    if (error)
        return error;
    if (S_ISLNK(status.st_mode))
        return follow_link(walk, path);
    if (!is_last(walk)) {
        if (!S_ISDIR(status.st_mode))
            return -ENOTDIR;
        memcpy(walk->at, path, strlen(path) + 1); /* the directory came between the two looks */
        return 0;
    }
    int fd = open_file(walk, path);
    if (fd == -EACCES)
        add_watch(walk, IN_ATTRIB, walk->name); /* to be told of a chmod */
    return fd < 0 ? fd : fd + 1;
}

static void resolve(struct walk *walk, const char *path)
{
    struct resolution *found = walk->found;
    int end = 0;
    memset(found, 0, sizeof *found);
    found->directory_watch = -1;
    snprintf(walk->rest, sizeof walk->rest, "%s", path);
    while (end == 0)
        end = step(walk);
    found->fd = end > 0 ? end - 1 : end;
}

void resolve_path(int inotify, const char *path, struct resolution *out_resolution)
{
    resolve(&(struct walk){.inotify = inotify, .found = out_resolution}, path);
}

void resolve_directory(int inotify, const char *path, struct resolution *out_resolution)
{
    resolve(&(struct walk){.inotify = inotify, .found = out_resolution, .to_directory = true},
            path);
}

/* Whether an open file is the one of a place: its number, its birth, its length and its bytes. */
static int is_place(int fd, const struct position_place *place, struct resolve_file *file)
{
    struct stat status;
    int error = hark_os_fstat(fd, &status);
    if (error || !S_ISREG(status.st_mode) || status.st_ino != place->inode)
        return error;
    file->device = status.st_dev;
    file->inode = status.st_ino;
    file->born_ns = survey_birth(fd);
    if (place->born_ns && file->born_ns && place->born_ns != file->born_ns)
        return 0;
    return survey_begins_as(fd, place, file->first, file->last);
}

/* Something could not be opened: it may be the file of the place. */
static void note_shortage(struct resolve_file *file, int error)
{
    if (again_may_help(error))
        file->fd = error;
}

/* Opens one name in a directory, if that is the file of the place. Gives: true and *file. */
static bool open_place(int inotify, int directory, const char *name,
                       const struct position_place *place, struct resolve_file *file)
{
    int fd = hark_os_openat(directory, name, OPENING & ~O_NOFOLLOW, 0);
    if (fd < 0) {
        note_shortage(file, fd);
        return false;
    }
    int result = is_place(fd, place, file);
    if (result <= 0) {
        hark_os_close_unknown(fd);
        note_shortage(file, result);
        return false;
    }
    file->fd = fd;
    file->watch = watch_file(inotify, fd, name);
    return true;
}

/* Opens the directory of a path. Gives: 0; a negative errno: it cannot be read. */
static int open_directory_of(struct tail_directory *directory, const char *path)
{
    char name[PATH_MAX];
    snprintf(name, sizeof name, "%s", path);
    char *slash = strrchr(name, '/');
    if (!slash)
        return -ENOENT;
    slash[slash == name ? 1 : 0] = '\0';
    return tail_directory_open(directory, name);
}

/* Looks through the directory of a path for the place's number. */
static bool search_directory(int inotify, const char *path, const struct position_place *place,
                             struct resolve_file *file)
{
    struct tail_directory directory;
    struct hark_dirent entry;
    bool found = false;
    int error = open_directory_of(&directory, path);
    if (error) {
        note_shortage(file, error);
        return false;
    }
    while (!found && tail_directory_next(&directory, &entry))
        if (entry.inode == place->inode && (entry.type == DT_REG || entry.type == DT_UNKNOWN))
            found = open_place(inotify, directory.fd, entry.name, place, file);
    if (!found)
        note_shortage(file, directory.error);
    tail_directory_close(&directory);
    return found;
}

void resolve_place(int inotify, const char *path, const struct position_place *place,
                   struct resolve_file *out_file)
{
    char real[PATH_MAX];
    out_file->fd = 0;
    bool found = open_place(inotify, AT_FDCWD, path, place, out_file) ||
                 search_directory(inotify, path, place, out_file);
    /* Behind a symbolic link, the file's own directory is another one. */
    if (!found && hark_os_realpath(path, real) == 0)
        found = search_directory(inotify, real, place, out_file);
    if (!found && out_file->fd >= 0)
        out_file->fd = -ENOENT;
}

void resolve_name(int inotify, const char *directory, const char *name,
                  const struct position_place *place, struct resolve_file *out_file)
{
    char path[PATH_MAX + RESOLVE_NAME_BYTES];
    struct stat status;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    int fd = hark_os_openat(AT_FDCWD, path, OPENING, 0);
    out_file->fd = fd;
    if (fd < 0)
        return;
    if (hark_os_fstat(fd, &status) || !S_ISREG(status.st_mode)) {
        hark_os_close_unknown(fd);
        out_file->fd = -EINVAL;
        return;
    }
    out_file->device = status.st_dev;
    out_file->inode = status.st_ino;
    out_file->born_ns = survey_birth(fd);
    int begins = place ? survey_begins_as(fd, place, out_file->first, out_file->last) : 0;
    if (again_may_help(begins)) {
        hark_os_close_unknown(fd);
        out_file->fd = begins;
        return;
    }
    out_file->begins = begins > 0;
    out_file->watch = watch_file(inotify, fd, path);
}
