/* landlock.c - see the header.
 *
 * The kernel's numbers stand here, since headers are older than kernels: each version added rights,
 * and a kernel refuses those that it does not know. What an older one cannot handle it does not
 * refuse; the version is told to whoever asks. */
#include "sandbox/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The same on every machine (Linux 5.13). */
enum { CALL_CREATE_RULESET = 444, CALL_ADD_RULE = 445, CALL_RESTRICT_SELF = 446 };
enum { ASK_VERSION = 1, RULE_PATH = 1, RULE_PORT = 2 };

enum {
    FS_EXECUTE = 1 << 0,
    FS_WRITE_FILE = 1 << 1,
    FS_READ_FILE = 1 << 2,
    FS_READ_DIR = 1 << 3,
    FS_REMOVE_DIR = 1 << 4,
    FS_REMOVE_FILE = 1 << 5,
    FS_MAKE_DIR = 1 << 7,
    FS_MAKE_REG = 1 << 8,
    FS_MAKE_SOCK = 1 << 9,
    FS_FIRST = (1 << 13) - 1, /* all of the first version */
    FS_REFER = 1 << 13,       /* 2: names from one directory to another */
    FS_TRUNCATE = 1 << 14,    /* 3 */
    FS_IOCTL_DEV = 1 << 15,   /* 5 */
    FS_OF_FILES = FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV,
    NET_BIND_TCP = 1 << 0, /* 4 */
    NET_CONNECT_TCP = 1 << 1,
    SCOPE_ABSTRACT = 1 << 0, /* 6 */
    SCOPE_SIGNAL = 1 << 1,
};

struct ruleset {
    uint64_t files;
    uint64_t ports;
    uint64_t scopes;
};

struct path_rule {
    uint64_t allowed;
    int32_t directory;
} __attribute__((packed));

struct port_rule {
    uint64_t allowed;
    uint64_t port;
};

static int call(long number, uintptr_t first, uintptr_t second, uintptr_t third, uintptr_t fourth)
{
    long result = syscall(number, first, second, third, fourth);
    return result < 0 ? -errno : (int)result;
}

int landlock_begin(struct landlock *landlock, bool connects, bool abstract)
{
    *landlock = (struct landlock){.fd = -1};
    int version = call(CALL_CREATE_RULESET, 0, 0, ASK_VERSION, 0);
    if (version < 0)
        return version;
    struct ruleset set = {.files = FS_FIRST};
    size_t bytes = sizeof set.files;
    set.files |= version >= 2 ? FS_REFER : 0;
    set.files |= version >= 3 ? FS_TRUNCATE : 0;
    set.files |= version >= 5 ? FS_IOCTL_DEV : 0;
    if (version >= 4) {
        set.ports = NET_BIND_TCP | (connects ? 0 : NET_CONNECT_TCP);
        bytes += sizeof set.ports;
    }
    if (version >= 6) {
        set.scopes = SCOPE_SIGNAL | (abstract ? 0 : SCOPE_ABSTRACT);
        bytes += sizeof set.scopes;
    }
    int fd = call(CALL_CREATE_RULESET, (uintptr_t)&set, bytes, 0, 0);
    if (fd < 0)
        return fd;
    *landlock = (struct landlock){
        .fd = fd, .version = version, .handled = set.files, .ports = set.ports != 0};
    return 0;
}

/* --- files --- */

static uint64_t rights(unsigned use)
{
    uint64_t allowed = 0;
    if (use & (LANDLOCK_LIST | LANDLOCK_READ | LANDLOCK_KEEP))
        allowed |= FS_READ_DIR;
    if (use & (LANDLOCK_READ | LANDLOCK_KEEP))
        allowed |= FS_READ_FILE;
    if (use & (LANDLOCK_WRITE | LANDLOCK_KEEP))
        allowed |= FS_WRITE_FILE | FS_TRUNCATE;
    if (use & LANDLOCK_KEEP)
        allowed |= FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG | FS_REFER;
    if (use & LANDLOCK_SOCKETS)
        allowed |= FS_MAKE_SOCK | FS_REMOVE_FILE;
    return allowed;
}

int landlock_allow(struct landlock *landlock, const char *path, unsigned use)
{
    const int directory = open(path, O_PATH | O_CLOEXEC);
    struct path_rule rule = {.allowed = rights(use) & landlock->handled, .directory = directory};
    struct stat is;
    if (directory < 0)
        return -errno;
    int error = fstat(directory, &is) < 0 ? -errno : 0;
    if (!error && !S_ISDIR(is.st_mode))
        rule.allowed &= FS_OF_FILES;
    if (!error && rule.allowed != 0)
        error = call(CALL_ADD_RULE, (uintptr_t)landlock->fd, RULE_PATH, (uintptr_t)&rule, 0);
    close(directory);
    return error;
}

/* Takes the last name off a path. Gives: false: there was one name alone, and it is "." now; or it
 * is the root. */
static bool cut(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash && slash != path) {
        *slash = '\0';
        return true;
    }
    memcpy(path, slash ? "/" : ".", 2);
    return false;
}

/* Where a path leads, or the nearest directory above that is there.
 * Gives: false: none can be told. *out_is_whole: nothing of it is missing. */
static bool resolve(const char *path, char real[PATH_MAX], bool *out_is_whole)
{
    char way[PATH_MAX];
    bool more = true;
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof way)
        return false;
    memcpy(way, path, length + 1);
    *out_is_whole = true;
    while (!realpath(way, real)) {
        if (!more || (errno != ENOENT && errno != ENOTDIR))
            return false;
        *out_is_whole = false;
        more = cut(way);
    }
    return true;
}

/* The directory that a file is in, by its name. */
static bool directory_of(const char *path, char real[PATH_MAX], bool *out_is_whole)
{
    char way[PATH_MAX];
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof way)
        return false;
    memcpy(way, path, length + 1);
    cut(way);
    return resolve(way, real, out_is_whole);
}

/* Raises a directory's path to the one above, if that is not the root, nor in it. */
static void raise_to_above(char *real)
{
    char above[PATH_MAX];
    memcpy(above, real, strlen(real) + 1);
    if (cut(above) && strchr(above + 1, '/'))
        memcpy(real, above, strlen(above) + 1);
}

static void allow_directory_of(struct landlock *landlock, const char *path, unsigned use,
                               bool above)
{
    char real[PATH_MAX];
    bool whole;
    if (!directory_of(path, real, &whole))
        return;
    if (above && whole)
        raise_to_above(real);
    (void)landlock_allow(landlock, real, use);
}

/* Of the file itself, if it is there; else of its name alone. */
static void allow_file(struct landlock *landlock, const char *path, unsigned use, bool above)
{
    char end[PATH_MAX];
    allow_directory_of(landlock, path, use, above);
    if (realpath(path, end))
        allow_directory_of(landlock, end, use, above);
}

void landlock_allow_around(struct landlock *landlock, const char *path, unsigned use)
{
    allow_file(landlock, path, use, false);
}

void landlock_allow_above(struct landlock *landlock, const char *path, unsigned use)
{
    glob_t found;
    allow_file(landlock, path, use, true);
    if (!strpbrk(path, "*?") || glob(path, GLOB_NOSORT, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct stat is;
        if (lstat(found.gl_pathv[i], &is) == 0 && S_ISLNK(is.st_mode))
            allow_file(landlock, found.gl_pathv[i], use, true);
    }
    globfree(&found);
}

/* Whoever may not open the directory above, or has one that cannot be synced, goes without. */
static int sync_above(const char *path)
{
    char above[PATH_MAX];
    size_t length = strlen(path);
    if (length >= sizeof above)
        return -ENAMETOOLONG;
    memcpy(above, path, length + 1);
    while (length > 1 && above[length - 1] == '/')
        above[--length] = '\0';
    cut(above);
    int fd = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == EACCES ? 0 : -errno;
    int error = fsync(fd) < 0 && errno != EINVAL ? -errno : 0;
    close(fd);
    return error;
}

int landlock_make_directory(const char *path, unsigned mode)
{
    if (mkdir(path, mode) == 0)
        return sync_above(path);
    return errno == EEXIST ? 0 : -errno;
}

/* --- ports --- */

int landlock_allow_port(struct landlock *landlock, uint16_t port)
{
    const struct port_rule rule = {.allowed = NET_BIND_TCP, .port = port};
    if (!landlock->ports)
        return 0;
    return call(CALL_ADD_RULE, (uintptr_t)landlock->fd, RULE_PORT, (uintptr_t)&rule, 0);
}

/* --- entering --- */

int landlock_enter(struct landlock *landlock)
{
    return call(CALL_RESTRICT_SELF, (uintptr_t)landlock->fd, 0, 0, 0);
}

void landlock_done(struct landlock *landlock)
{
    if (landlock->fd >= 0)
        close(landlock->fd);
    landlock->fd = -1;
}
