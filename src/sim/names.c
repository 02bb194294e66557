/* names.c - see the header: this kernel has no file system so far. */
#include "sim/names.h"

#include <errno.h>

int names_open(struct process *process, int directory, const char *path, int flags, mode_t mode,
               uint64_t resolve)
{
    (void)process;
    (void)directory;
    (void)path;
    (void)flags;
    (void)mode;
    (void)resolve;
    return -ENOENT;
}

int names_stat(struct process *process, int directory, const char *path, int flags,
               struct stat *out_status)
{
    (void)process;
    (void)directory;
    (void)path;
    (void)flags;
    (void)out_status;
    return -ENOENT;
}

int names_statx(struct process *process, int directory, const char *path, int flags, unsigned mask,
                struct statx *out_status)
{
    (void)process;
    (void)directory;
    (void)path;
    (void)flags;
    (void)mask;
    (void)out_status;
    return -ENOENT;
}

int names_rename(struct process *process, int from, const char *old, int to, const char *new,
                 unsigned flags)
{
    (void)process;
    (void)from;
    (void)old;
    (void)to;
    (void)new;
    (void)flags;
    return -ENOENT;
}

int names_unlink(struct process *process, int directory, const char *path, int flags)
{
    (void)process;
    (void)directory;
    (void)path;
    (void)flags;
    return -ENOENT;
}

int names_make_directory(struct process *process, int directory, const char *path, mode_t mode)
{
    (void)process;
    (void)directory;
    (void)path;
    (void)mode;
    return -EROFS;
}

int names_sync(struct file *file, bool data_alone)
{
    (void)file;
    (void)data_alone;
    return -EINVAL;
}

int names_truncate(struct file *file, int64_t length)
{
    (void)file;
    (void)length;
    return -EINVAL;
}

int names_allocate(struct file *file, int mode, int64_t offset, int64_t count)
{
    (void)file;
    (void)mode;
    (void)offset;
    (void)count;
    return -EINVAL;
}

int64_t names_list(struct file *file, void *entries, size_t count)
{
    (void)file;
    (void)entries;
    (void)count;
    return -ENOTDIR;
}

int64_t names_copy(struct file *from, off64_t *from_offset, struct file *to, off64_t *to_offset,
                   size_t count)
{
    (void)from;
    (void)from_offset;
    (void)to;
    (void)to_offset;
    (void)count;
    return -EINVAL;
}
