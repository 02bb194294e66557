/* walk.c - name by name, a link's text in front of what is left. All processes work in the root
 * (getcwd(2)), and are root's: no permission is missing. /proc is not there, but for the one thing
 * that is asked of it by its name: /proc/self/fd/N is what stands behind the descriptor N. */
#include "sim/disk/walk.h"
#include "kernel/kernel.h"
#include "sim/disk/directory.h"
#include "sim/disk/disk.h"
#include "sim/disk/opened.h"
#include "sim/net/pipe.h"
#include "sim/world/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>

enum { LINKS_MAX = 40 };

static const char *const descriptor_paths[] = {"/proc/self/fd/", "/proc/thread-self/fd/"};

struct walker {
    struct inode *at;
    struct inode *top; /* that ".." does not pass: the root, or where it began */
    char rest[PATH_MAX];
    unsigned links;
    int how;
    uint64_t resolve;
};

bool walk_can_read(const char *path)
{
    char first;
    struct iovec local = {&first, 1}, remote = {(void *)(uintptr_t)path, 1};
    return kernel_process_vm_readv(NULL, &local, &remote) == 1;
}

/* --- where it begins --- */

static int of_descriptor(struct process *process, int fd, struct inode **out_inode)
{
    struct file *file = descriptors_find(&process->descriptors, fd);
    if (!file)
        return -EBADF;
    struct opened *opened = opened_of(file);
    *out_inode = opened ? opened->inode : pipe_inode(file);
    return *out_inode ? 0 : -ENOTDIR;
}

static int begin(struct process *process, int directory, const char *path, struct walker *walker)
{
    struct inode *root = disk_of(process->machine)->root;
    size_t length = strlen(path);
    if (length >= PATH_MAX)
        return -ENAMETOOLONG;
    memcpy(walker->rest, path, length + 1);
    walker->at = root;
    if (*path != '/' && directory != AT_FDCWD) {
        int error = of_descriptor(process, directory, &walker->at);
        if (error)
            return error;
    }
    bool confined = walker->resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT);
    if (*path == '/' && walker->resolve & RESOLVE_BENEATH)
        return -EXDEV;
    if (*path == '/' && walker->resolve & RESOLVE_IN_ROOT && directory != AT_FDCWD) {
        int error = of_descriptor(process, directory, &walker->at);
        if (error)
            return error;
    }
    walker->top = confined ? walker->at : root;
    return 0;
}

/* --- on its way --- */

/* Takes the next name off the rest. Fails: -ENAMETOOLONG. */
static int take_name(struct walker *walker, char *name, bool *out_slash)
{
    const char *from = walker->rest + strspn(walker->rest, "/");
    size_t count = strcspn(from, "/");
    if (count > NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(name, from, count);
    name[count] = '\0';
    *out_slash = from[count] == '/';
    from += count + strspn(from + count, "/");
    memmove(walker->rest, from, strlen(from) + 1);
    return 0;
}

static int follow(struct walker *walker, const struct inode *link, bool slash)
{
    size_t count = strlen(link->target), rest = strlen(walker->rest);
    if (++walker->links > LINKS_MAX || walker->resolve & RESOLVE_NO_SYMLINKS)
        return -ELOOP;
    if (count + 1 + rest >= sizeof walker->rest)
        return -ENAMETOOLONG;
    if (*link->target == '/') {
        if (walker->resolve & RESOLVE_BENEATH)
            return -EXDEV;
        walker->at = walker->top;
    }
    memmove(walker->rest + count + slash, walker->rest, rest + 1);
    memcpy(walker->rest, link->target, count);
    if (slash)
        walker->rest[count] = '/';
    return 0;
}

static int go_up(struct walker *walker)
{
    if (walker->at == walker->top)
        return walker->resolve & RESOLVE_BENEATH ? -EXDEV : 0;
    if (walker->at->parent)
        walker->at = walker->at->parent;
    return 0;
}

static enum walk_last kind_of(const char *name)
{
    return *name == '\0'             ? WALK_ROOT
           : strcmp(name, ".") == 0  ? WALK_DOT
           : strcmp(name, "..") == 0 ? WALK_DOT_DOT
                                     : WALK_NAME;
}

/* One name on. Gives: 0; 1: it was the last. */
static int step(struct walker *walker, struct way *way)
{
    bool slash;
    if (!S_ISDIR(walker->at->mode))
        return -ENOTDIR;
    int error = take_name(walker, way->name, &slash);
    if (error)
        return error;
    bool is_last = walker->rest[0] == '\0';
    way->last = kind_of(way->name);
    way->slash = slash;
    way->directory = walker->at;
    if (way->last != WALK_NAME) {
        error = way->last == WALK_DOT_DOT ? go_up(walker) : 0;
        way->directory = way->found = walker->at;
        return error ? error : is_last;
    }
    struct inode *found = directory_find(walker->at, way->name);
    way->found = found;
    bool through = !is_last || (slash ? !(walker->how & WALK_LAST) : walker->how & WALK_FOLLOW);
    if (found && S_ISLNK(found->mode) && through) {
        error = follow(walker, found, slash);
        return error ? error : walker->rest[0] == '\0' ? -ENOENT : 0;
    }
    if (is_last)
        return 1;
    if (!found)
        return -ENOENT;
    walker->at = found;
    return 0;
}

/* A path of a descriptor. Gives: 1 where it is none. */
static int look_at_descriptor(struct process *process, const char *path, struct way *out_way)
{
    size_t length = strlen(descriptor_paths[0]);
    bool is_one = strncmp(path, descriptor_paths[0], length) == 0;
    if (!is_one) {
        length = strlen(descriptor_paths[1]);
        is_one = strncmp(path, descriptor_paths[1], length) == 0;
    }
    if (!is_one || path[length] == '\0' ||
        strspn(path + length, "0123456789") != strlen(path + length))
        return 1;
    *out_way = (struct way){.last = WALK_DOT};
    int error = of_descriptor(process, (int)strtol(path + length, NULL, 10), &out_way->found);
    out_way->directory = out_way->found;
    return error ? -ENOENT : 0;
}

int walk(struct process *process, int directory, const char *path, int how, uint64_t resolve,
         struct way *out_way)
{
    struct walker walker = {.how = how, .resolve = resolve};
    *out_way = (struct way){.last = WALK_DOT};
    int result = how & WALK_FOLLOW ? look_at_descriptor(process, path, out_way) : 1;
    if (result <= 0)
        return result;
    if (*path == '\0' && !(how & WALK_EMPTY))
        return -ENOENT;
    result = begin(process, directory, path, &walker);
    if (result)
        return result;
    if (*path == '\0') {
        out_way->directory = out_way->found = walker.at;
        return 0;
    }
    do
        result = step(&walker, out_way);
    while (result == 0);
    return result < 0 ? result : 0;
}

int walk_to(struct process *process, int directory, const char *path, int how, uint64_t resolve,
            struct inode **out_inode)
{
    struct way way;
    int error = walk(process, directory, path, how, resolve, &way);
    if (error)
        return error;
    if (!way.found)
        return -ENOENT;
    if (way.slash && !S_ISDIR(way.found->mode))
        return -ENOTDIR;
    *out_inode = way.found;
    return 0;
}
