/* file_call.c - each file op as the blocking system call of its name, run on a thread of the pool
 * where the kernel offers no asynchronous one. Those of paths and attributes: file_call_path.c. */
#include "core/file_call.h"
#include "base/check.h"
#include "core/pair.h"
#include "kernel/kernel.h"

static int64_t call_at(const struct hark_op *op)
{
    void *bytes = op->with.io.bytes;
    size_t count = op->with.io.count;
    int64_t offset = op->with.io.offset;
    if (op->code == HARK_OP_READ)
        return kernel_pread(NULL, op->fd, bytes, count, offset);
    if (op->code == HARK_OP_WRITE)
        return kernel_pwrite(NULL, op->fd, bytes, count, offset);
    if (op->code == HARK_OP_READV)
        return kernel_preadv(NULL, op->fd, bytes, (int)count, offset);
    return kernel_pwritev(NULL, op->fd, bytes, (int)count, offset);
}

int64_t file_call_io(uint64_t *calls, const struct hark_op *op, int fd)
{
    void *bytes = op->with.io.bytes;
    size_t count = op->with.io.count;
    if (op->code == HARK_OP_READ)
        return kernel_read(calls, fd, bytes, count);
    if (op->code == HARK_OP_WRITE)
        return kernel_write(calls, fd, bytes, count);
    if (op->code == HARK_OP_READV)
        return kernel_readv(calls, fd, bytes, (int)count);
    return kernel_writev(calls, fd, bytes, (int)count);
}

/* What cannot seek passes over the offset; that may be a file, of /proc for one, as well. */
int64_t file_call_transfer(const struct hark_op *op)
{
    int64_t result = op->with.io.offset < 0 ? -ESPIPE : call_at(op);
    return result == -ESPIPE ? file_call_io(NULL, op, op->fd) : result;
}

int64_t file_call_copy(const struct hark_op *op)
{
    off_t from_offset = op->with.copy.from_offset;
    off_t to_offset = op->with.copy.to_offset;
    return kernel_copy_file_range(NULL, op->fd, from_offset < 0 ? NULL : &from_offset,
                                  op->with.copy.to, to_offset < 0 ? NULL : &to_offset,
                                  op->with.copy.count);
}

int64_t file_call_splice(const struct hark_op *op)
{
    return pair_call(NULL, op);
}

bool file_call_open_may_wait(const struct hark_op *op)
{
    uint64_t flags = op->with.open.flags;
    bool made = (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
    return (flags & O_ACCMODE) != O_RDWR && !(flags & (O_NONBLOCK | O_DIRECTORY | O_PATH)) && !made;
}

static bool is_named_pipe(const struct hark_op *op)
{
    struct stat status;
    int follow = op->with.open.flags & O_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0;
    return kernel_fstatat(NULL, op->fd, op->with.open.path, &status, follow) == 0 &&
           S_ISFIFO(status.st_mode);
}

/* Nobody knows when a named pipe's other side comes, if it ever does: no thread waits for it. */
int64_t file_call_open(const struct hark_op *op)
{
    int flags = (int)op->with.open.flags;
    mode_t mode = (mode_t)op->with.open.mode;
    if (!file_call_open_may_wait(op) || !is_named_pipe(op))
        return kernel_openat(NULL, op->fd, op->with.open.path, flags, mode);
    int fd = kernel_openat(NULL, op->fd, op->with.open.path, flags | O_NONBLOCK, mode);
    if (fd >= 0)
        (void)kernel_fcntl(NULL, fd, F_SETFL, flags);
    return fd;
}

int64_t file_call_close(const struct hark_op *op)
{
    return kernel_close(NULL, op->fd);
}

int64_t file_call_sync(const struct hark_op *op)
{
    return op->code == HARK_OP_FSYNC ? kernel_fsync(NULL, op->fd) : kernel_fdatasync(NULL, op->fd);
}

int64_t file_call_range(const struct hark_op *op)
{
    int64_t count = op->with.range.count;
    if (op->code == HARK_OP_FTRUNCATE)
        return kernel_ftruncate(NULL, op->fd, count);
    return kernel_fallocate(NULL, op->fd, op->with.range.mode, op->with.range.offset, count);
}

int64_t file_call_entries(const struct hark_op *op)
{
    return kernel_getdents64(NULL, op->fd, op->with.io.bytes, op->with.io.count);
}
