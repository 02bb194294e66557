/* opened.c - see the header. */
#include "sim/disk/opened.h"
#include "base/check.h"
#include "sim/disk/changes.h"
#include "sim/disk/facts.h"
#include "sim/disk/inode.h"
#include "sim/disk/inotify.h"
#include "sim/disk/pages.h"
#include "sim/net/pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

static uint32_t with_kind(uint32_t events, const struct inode *inode)
{
    return events | (S_ISDIR(inode->mode) ? (uint32_t)IN_ISDIR : 0u);
}

/* --- its end --- */

static void opened_release(struct file *file)
{
    struct opened *opened = (struct opened *)file;
    struct inode *inode = opened->inode;
    bool wrote = (file->flags & O_ACCMODE) != O_RDONLY;
    *(opened->previous ? &opened->previous->next : &inode->files) = opened->next;
    if (opened->next)
        opened->next->previous = opened->previous;
    if (opened->lock)
        opened_wake(inode);
    if (!(file->flags & O_PATH))
        inotify_tell(inode, with_kind(wrote ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE, inode));
    memory_own_free(opened);
    inode->opened--;
    inode_look_gone(inode);
    inode_release(inode);
}

/* --- regular files --- */

/* What of it is not on the device goes there: O_DSYNC, and with all that is known of it O_SYNC,
 * which has the bit of the other in it. */
static int write_through(struct opened *opened, int flags)
{
    bool whole = (opened->file.flags & O_SYNC) == O_SYNC || flags & RWF_SYNC;
    if (!whole && !(opened->file.flags & O_DSYNC) && !(flags & RWF_DSYNC))
        return 0;
    pages_sync(opened->inode);
    changes_sync_file(opened->inode->disk, opened->inode);
    if (whole)
        facts_sync(opened->inode);
    return opened_take_error(opened);
}

/* ext4's direct I/O wants whole sectors; of the memory's place this kernel asks nothing, since that
 * is not the same in each run. */
static bool is_misaligned(const struct file *file, const struct iovec *vector, int count,
                          int64_t offset)
{
    bool aligned = offset % SECTOR_BYTES == 0;
    for (int i = 0; i < count; i++)
        aligned &= vector[i].iov_len % SECTOR_BYTES == 0;
    return file->flags & O_DIRECT && !aligned;
}

static int64_t regular_read(struct file *file, const struct iovec *vector, int count,
                            int64_t offset, int flags)
{
    struct opened *opened = (struct opened *)file;
    struct inode *inode = opened->inode;
    int64_t at = offset == FILE_OFFSET_OWN ? opened->offset : offset;
    if (is_misaligned(file, vector, count, at))
        return -EINVAL;
    int64_t result = pages_read(inode, vector, count, at, flags & RWF_NOWAIT ? PAGES_IN_CACHE : 0);
    if (result > 0 && offset == FILE_OFFSET_OWN)
        opened->offset += result;
    if (result >= 0 && vector_bytes(vector, count) > 0)
        inode->read_ns = disk_clock(inode->disk);
    if (result > 0)
        inotify_tell(inode, IN_ACCESS);
    return result;
}

static int64_t regular_write(struct file *file, const struct iovec *vector, int count,
                             int64_t offset, int flags)
{
    struct opened *opened = (struct opened *)file;
    struct inode *inode = opened->inode;
    int64_t at = offset == FILE_OFFSET_OWN ? opened->offset : offset;
    if (flags & RWF_NOWAIT)
        return -EOPNOTSUPP; /* ext4_buffered_write_iter */
    if (is_misaligned(file, vector, count, at))
        return -EINVAL;
    if (file->flags & O_APPEND || flags & RWF_APPEND)
        at = inode->length;
    int64_t result = pages_write(inode, vector, count, at, SIZE_MAX);
    if (result <= 0)
        return result;
    if (offset == FILE_OFFSET_OWN)
        opened->offset = at + result;
    opened_modified(inode);
    int error = write_through(opened, flags);
    return error ? error : result;
}

/* As mmap(2): writing to what is shared wants a file that is open for both. */
static int regular_map(struct file *file, size_t bytes, int protection, int flags, int64_t offset,
                       void **out_memory)
{
    int access = file->flags & O_ACCMODE;
    bool changes_it = protection & PROT_WRITE && !(flags & MAP_PRIVATE);
    if (access == O_WRONLY || (changes_it && access != O_RDWR))
        return -EACCES;
    return pages_map(((struct opened *)file)->inode, offset, bytes, protection, flags, out_memory);
}

static void regular_unmap(struct file *file, void *memory, size_t bytes)
{
    pages_unmap(((struct opened *)file)->inode, memory, bytes);
}

/* What is left to be read: FIONREAD of do_vfs_ioctl. */
static int regular_ioctl(struct file *file, unsigned long request, void *argument)
{
    struct opened *opened = (struct opened *)file;
    if (request != FIONREAD)
        return -ENOTTY;
    int value = (int)(opened->inode->length - opened->offset);
    memcpy(argument, &value, sizeof value);
    return 0;
}

static void opened_status(struct file *file, struct stat *out_status)
{
    inode_status(((struct opened *)file)->inode, out_status);
}

static const struct file_kind regular = {
    .name = "file",
    .is_regular = true,
    .release = opened_release,
    .read = regular_read,
    .write = regular_write,
    .ioctl = regular_ioctl,
    .map_content = regular_map,
    .unmap = regular_unmap,
    .status = opened_status,
};

/* --- directories, and what is but a place --- */

static int64_t directory_read(struct file *file, const struct iovec *vector, int count,
                              int64_t offset, int flags)
{
    (void)file;
    (void)vector;
    (void)count;
    (void)offset;
    (void)flags;
    return -EISDIR;
}

static int64_t place_move(struct file *file, const struct iovec *vector, int count, int64_t offset,
                          int flags)
{
    (void)file;
    (void)vector;
    (void)count;
    (void)offset;
    (void)flags;
    return -EBADF;
}

static const struct file_kind directory = {
    .name = "directory",
    .is_regular = true,
    .release = opened_release,
    .read = directory_read,
    .status = opened_status,
};

/* --- /dev/null: null(4) --- */

static int64_t null_read(struct file *file, const struct iovec *vector, int count, int64_t offset,
                         int flags)
{
    (void)file;
    (void)vector;
    (void)count;
    (void)offset;
    (void)flags;
    return 0;
}

static int64_t null_write(struct file *file, const struct iovec *vector, int count, int64_t offset,
                          int flags)
{
    (void)file;
    (void)offset;
    (void)flags;
    return (int64_t)vector_bytes(vector, count);
}

static const struct file_kind null = {
    .name = "null",
    .is_regular = true,
    .release = opened_release,
    .read = null_read,
    .write = null_write,
    .status = opened_status,
};

static const struct file_kind place = {
    .name = "place",
    .is_regular = true,
    .release = opened_release,
    .read = place_move,
    .write = place_move,
    .status = opened_status,
};

/* --- opening --- */

/* What F_GETFL tells: on machines of 64 bits O_LARGEFILE is set always, by the kernel's number, and
 * O_PATH leaves nothing else (build_open_flags). */
static int kept_flags(int flags)
{
    const int large = 0100000;
    return flags & O_PATH ? flags & (O_PATH | O_DIRECTORY | O_NOFOLLOW)
                          : (flags & ~(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC)) | large;
}

int opened_create(struct inode *inode, int flags, struct file **out_file)
{
    if (S_ISFIFO(inode->mode) && !(flags & O_PATH))
        return pipe_open_named(inode, kept_flags(flags), out_file);
    const struct file_kind *kind = flags & O_PATH         ? &place
                                   : S_ISDIR(inode->mode) ? &directory
                                   : S_ISCHR(inode->mode) ? &null
                                                          : &regular;
    struct opened *opened = file_create(kind, sizeof *opened, kept_flags(flags));
    opened->inode = inode;
    inode_hold(inode);
    inode->opened++;
    opened->next = inode->files;
    if (inode->files)
        inode->files->previous = opened;
    inode->files = opened;
    opened->errors = inode->error_seen ? inode->errors : 0;
    if (!(flags & O_PATH))
        inotify_tell(inode, with_kind(IN_OPEN, inode));
    *out_file = &opened->file;
    return 0;
}

struct opened *opened_of(struct file *file)
{
    return file->kind->release == opened_release ? (struct opened *)file : NULL;
}

/* As errseq_check_and_advance (Documentation/core-api/errseq.rst): each open file is told once; an
 * error that nobody was told of yet is told to who opens later, too. */
int opened_take_error(struct opened *opened)
{
    struct inode *inode = opened->inode;
    if (opened->errors == inode->errors)
        return 0;
    opened->errors = inode->errors;
    inode->error_seen = true;
    return inode->error;
}

void opened_wake(struct inode *inode)
{
    for (struct opened *opened = inode->files; opened; opened = opened->next)
        file_wake(&opened->file, 0);
}

int64_t opened_seek(struct file *file, int64_t offset, int whence)
{
    struct opened *opened = opened_of(file);
    if (!opened)
        return -ESPIPE;
    if (file->flags & O_PATH)
        return -EBADF;
    int64_t from = whence == SEEK_CUR   ? opened->offset
                   : whence == SEEK_END ? opened->inode->length
                                        : 0;
    if (whence < SEEK_SET || whence > SEEK_END || offset < -from || offset > INT64_MAX - from)
        return -EINVAL;
    opened->offset = from + offset;
    return opened->offset;
}

void opened_modified(struct inode *inode)
{
    facts_drop_capabilities(inode);
    inode->written_ns = inode->changed_ns = disk_clock(inode->disk);
    inotify_tell(inode, IN_MODIFY);
}

void opened_cut(struct inode *inode)
{
    facts_drop_capabilities(inode);
    inode->written_ns = inode->changed_ns = disk_clock(inode->disk);
    inotify_tell_always(inode, IN_MODIFY);
}
