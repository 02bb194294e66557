/* names.c - opening what a path names, and asking about it. What is refused, and with which error,
 * follows fs/namei.c of Linux 6.18; every process is root's, with a umask of 022. */
#include "sim/disk/names.h"
#include "sim/disk/directory.h"
#include "sim/disk/disk.h"
#include "sim/disk/inode.h"
#include "sim/disk/inotify.h"
#include "sim/disk/opened.h"
#include "sim/disk/pages.h"
#include "sim/disk/walk.h"
#include "sim/world/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { UMASK = 022, UNCACHED_ONE_IN = 8 };

/* --- opening --- */

static bool is_for_nameless(int flags)
{
    return (flags & O_TMPFILE) == O_TMPFILE && !(flags & O_PATH);
}

static int check_flags(int flags)
{
    if (is_for_nameless(flags) && (flags & O_ACCMODE) == O_RDONLY)
        return -EINVAL; /* nobody could ever write it */
    if (flags & O_CREAT && flags & O_DIRECTORY && !(flags & O_PATH))
        return -EINVAL;
    return 0;
}

static int create(struct way *way, mode_t mode)
{
    struct inode *directory = way->directory;
    if (!directory->linked)
        return -ENOENT; /* the directory has been removed */
    way->found = inode_create_in(directory, S_IFREG | (mode & 07777 & ~(mode_t)UMASK));
    directory_add(directory, way->name, way->found);
    inode_release(way->found); /* its name has it */
    return 0;
}

static bool wants_to_write(int flags)
{
    return (flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC;
}

/* Whether what is there may be opened so. */
static int may_open(const struct way *way, int flags)
{
    mode_t mode = way->found->mode;
    bool wants_directory = flags & O_DIRECTORY || way->slash;
    if (flags & O_CREAT && flags & O_EXCL && !(flags & O_PATH))
        return -EEXIST;
    if (S_ISLNK(mode) && !(flags & O_PATH && !wants_directory))
        return flags & O_DIRECTORY ? -ENOTDIR : -ELOOP;
    if (flags & O_CREAT && S_ISDIR(mode) && !(flags & O_PATH))
        return -EISDIR;
    if (wants_directory && !S_ISDIR(mode))
        return -ENOTDIR;
    if (S_ISSOCK(mode) && !(flags & O_PATH))
        return -ENXIO;
    if (S_ISDIR(mode) && !(flags & O_PATH) && wants_to_write(flags))
        return -EISDIR;
    return S_ISDIR(mode) && flags & O_DIRECT && !(flags & O_PATH) ? -EINVAL : 0;
}

static int find_or_create(struct way *way, int flags, mode_t mode, bool *out_created)
{
    bool creates = flags & O_CREAT && !(flags & O_PATH);
    *out_created = false;
    if (creates && way->last == WALK_NAME && way->slash)
        return -EISDIR;
    if (way->found)
        return may_open(way, flags);
    if (!creates)
        return -ENOENT;
    *out_created = true;
    return create(way, mode);
}

static uint64_t open_files(const struct machine *machine)
{
    uint64_t count = 0;
    for (const struct process *process = world->processes; process; process = process->next)
        for (int fd = 0; process->machine == machine && fd < process->descriptors.room; fd++)
            count += process->descriptors.table[fd].file ? 1 : 0;
    return count;
}

static int open_found(struct process *process, struct inode *inode, int flags, bool created)
{
    uint64_t most = world->options.files_max;
    if (most && open_files(process->machine) >= most)
        return -ENFILE;
    struct file *file;
    int error = opened_create(inode, flags, &file);
    if (error)
        return error;
    if (flags & O_TRUNC && !created && !(flags & O_PATH) && S_ISREG(inode->mode)) {
        pages_truncate(inode, 0);
        opened_cut(inode);
    }
    return descriptors_add_or_release(&process->descriptors, file, (flags & O_CLOEXEC) != 0);
}

/* A file that has no name. */
static int open_nameless(struct process *process, struct inode *inode, int flags)
{
    inode->linkable = is_for_nameless(flags) && !(flags & O_EXCL);
    int fd = open_found(process, inode, flags, true);
    inode_release(inode);
    return fd;
}

/* O_TMPFILE: the path is the directory's in which it would stand. */
static int open_in_directory(struct process *process, const struct way *way, int flags, mode_t mode)
{
    if (!way->found)
        return -ENOENT;
    if (!S_ISDIR(way->found->mode))
        return -ENOTDIR;
    mode_t kept = mode & 07777 & ~(mode_t)UMASK;
    return open_nameless(process, inode_create_in(way->found, S_IFREG | kept), flags);
}

int names_open(struct process *process, int directory, const char *path, int flags, mode_t mode,
               uint64_t resolve)
{
    struct way way;
    bool created;
    bool follows = !(flags & O_NOFOLLOW) && (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL);
    int error = check_flags(flags);
    if (error)
        return error;
    if (resolve & RESOLVE_CACHED &&
        (flags & (O_CREAT | O_TRUNC) || chance_below(&world->chance, UNCACHED_ONE_IN) == 0))
        return -EAGAIN; /* openat2(2): the kernel would have to wait */
    if (!descriptors_have_room(&process->descriptors))
        return -EMFILE; /* nothing is made or cut */
    int how = (follows ? WALK_FOLLOW : 0) | (flags & O_CREAT ? WALK_LAST : 0);
    error = walk(process, directory, path, how, resolve, &way);
    if (!error && is_for_nameless(flags))
        return open_in_directory(process, &way, flags, mode);
    if (!error)
        error = find_or_create(&way, flags, mode, &created);
    return error ? error : open_found(process, way.found, flags, created);
}

int names_open_memory(struct process *process, const char *name, unsigned flags)
{
    enum { NAME_MOST = 249, MODE = 0777 };
    if (flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING))
        return -EINVAL;
    if (!walk_can_read(name))
        return -EFAULT;
    if (strlen(name) > NAME_MOST)
        return -EINVAL;
    struct inode *inode = inode_create(disk_of(process->machine), S_IFREG | MODE);
    return open_nameless(process, inode, O_RDWR | (flags & MFD_CLOEXEC ? O_CLOEXEC : 0));
}

/* --- asking --- */

/* What stands behind a descriptor and has no name. */
static struct file *nameless(struct process *process, int fd, const char *path, int flags)
{
    struct file *file =
        *path == '\0' && flags & AT_EMPTY_PATH ? descriptors_find(&process->descriptors, fd) : NULL;
    return file && !opened_of(file) ? file : NULL;
}

int names_stat(struct process *process, int directory, const char *path, int flags,
               struct stat *out_status)
{
    struct inode *inode;
    const int known = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT;
    struct file *file = nameless(process, directory, path, flags);
    if (flags & ~known)
        return -EINVAL;
    if (file) {
        *out_status = (struct stat){.st_mode = 0600, .st_nlink = 1, .st_ino = file->number};
        if (file->kind->status)
            file->kind->status(file, out_status);
        return 0;
    }
    int how =
        (flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0);
    int error = walk_to(process, directory, path, how, 0, &inode);
    if (!error)
        inode_status(inode, out_status);
    return error;
}

static struct statx_timestamp timestamp_of(struct timespec time)
{
    return (struct statx_timestamp){.tv_sec = time.tv_sec, .tv_nsec = (uint32_t)time.tv_nsec};
}

static void fill(const struct stat *status, struct statx *out_status)
{
    memset(out_status, 0, sizeof *out_status);
    out_status->stx_mask = STATX_BASIC_STATS;
    out_status->stx_blksize = (uint32_t)status->st_blksize;
    out_status->stx_nlink = (uint32_t)status->st_nlink;
    out_status->stx_uid = status->st_uid;
    out_status->stx_gid = status->st_gid;
    out_status->stx_mode = (uint16_t)status->st_mode;
    out_status->stx_ino = status->st_ino;
    out_status->stx_size = (uint64_t)status->st_size;
    out_status->stx_blocks = (uint64_t)status->st_blocks;
    out_status->stx_atime = timestamp_of(status->st_atim);
    out_status->stx_mtime = timestamp_of(status->st_mtim);
    out_status->stx_ctime = timestamp_of(status->st_ctim);
    out_status->stx_dev_major = major(status->st_dev);
    out_status->stx_dev_minor = minor(status->st_dev);
    out_status->stx_rdev_major = major(status->st_rdev);
    out_status->stx_rdev_minor = minor(status->st_rdev);
}

/* All that is known is told, asked for or not: statx(2). */
int names_statx(struct process *process, int directory, const char *path, int flags, unsigned mask,
                struct statx *out_status)
{
    struct stat status;
    struct inode *inode;
    if (mask & STATX__RESERVED)
        return -EINVAL;
    int asked = flags & ~AT_STATX_SYNC_TYPE;
    int error = names_stat(process, directory, path, asked, &status);
    if (error)
        return error;
    fill(&status, out_status);
    if (nameless(process, directory, path, flags))
        return 0;
    int how =
        (flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0);
    if (walk_to(process, directory, path, how, 0, &inode) == 0) {
        int64_t born_ns = inode->born_ns;
        out_status->stx_mask |= STATX_BTIME;
        out_status->stx_btime =
            timestamp_of((struct timespec){born_ns / 1000000000, born_ns % 1000000000});
    }
    return 0;
}

/* Root may read and write all, and run what anybody may: access(2). */
int names_access(struct process *process, int directory, const char *path, int mode)
{
    struct inode *inode;
    if (mode & ~(R_OK | W_OK | X_OK))
        return -EINVAL;
    int error = walk_to(process, directory, path, WALK_FOLLOW, 0, &inode);
    if (error)
        return error;
    return mode & X_OK && !S_ISDIR(inode->mode) && !(inode->mode & 0111) ? -EACCES : 0;
}

int64_t names_read_link(struct process *process, int directory, const char *path, char *text,
                        size_t room)
{
    struct inode *inode;
    if (room == 0)
        return -EINVAL;
    int error = walk_to(process, directory, path, WALK_EMPTY, 0, &inode);
    if (error)
        return error;
    if (!S_ISLNK(inode->mode))
        return *path == '\0' ? -ENOENT : -EINVAL;
    if (!walk_can_read(text))
        return -EFAULT;
    size_t length = strlen(inode->target);
    if (length > room)
        length = room;
    memcpy(text, inode->target, length);
    return (int64_t)length;
}

int names_watch(struct process *process, struct file *file, const char *path, uint32_t events)
{
    struct inode *inode;
    int error =
        walk_to(process, AT_FDCWD, path, events & IN_DONT_FOLLOW ? 0 : WALK_FOLLOW, 0, &inode);
    if (!error && events & IN_ONLYDIR && !S_ISDIR(inode->mode))
        error = -ENOTDIR;
    return error ? error : inotify_watch(file, inode, events);
}
