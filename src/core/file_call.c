/* file_call.c - each file op as the blocking system call of its name, run on a thread of the pool
 * where the kernel offers no asynchronous one. */
#include "core/file_call.h"
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
static int64_t call_io(const struct hark_op *op)
{
    int64_t result = op->with.io.offset < 0 ? -ESPIPE : call_at(op);
    return result == -ESPIPE ? file_call_io(NULL, op, op->fd) : result;
}

static int64_t call_copy(const struct hark_op *op)
{
    off64_t from_offset = op->with.copy.from_offset;
    off64_t to_offset = op->with.copy.to_offset;
    return kernel_copy_file_range(NULL, op->fd, from_offset < 0 ? NULL : &from_offset,
                                  op->with.copy.to, to_offset < 0 ? NULL : &to_offset,
                                  op->with.copy.count);
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
static int64_t call_open(const struct hark_op *op)
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

static int64_t call_path(const struct hark_op *op)
{
    const char *from = op->with.path.from;
    int flags = op->with.path.flags;
    uint32_t mode = op->with.path.mode;
    if (op->code == HARK_OP_STATX)
        return kernel_statx(NULL, op->fd, from, flags, mode, op->with.path.status);
    if (op->code == HARK_OP_RENAMEAT)
        return kernel_renameat2(NULL, op->fd, from, (int)mode, op->with.path.to, (unsigned)flags);
    if (op->code == HARK_OP_UNLINKAT)
        return kernel_unlinkat(NULL, op->fd, from, flags);
    return kernel_mkdirat(NULL, op->fd, from, mode);
}

/* The ops that never come here have no call. */
int64_t file_call(struct hark_op *op)
{
    switch ((enum hark_op_code)op->code) {
    case HARK_OP_READ:
    case HARK_OP_WRITE:
    case HARK_OP_READV:
    case HARK_OP_WRITEV:
        return call_io(op);
    case HARK_OP_OPENAT:
        return call_open(op);
    case HARK_OP_STATX:
    case HARK_OP_RENAMEAT:
    case HARK_OP_UNLINKAT:
    case HARK_OP_MKDIRAT:
        return call_path(op);
    case HARK_OP_CLOSE:
        return kernel_close(NULL, op->fd);
    case HARK_OP_FSYNC:
        return kernel_fsync(NULL, op->fd);
    case HARK_OP_FDATASYNC:
        return kernel_fdatasync(NULL, op->fd);
    case HARK_OP_FTRUNCATE:
        return kernel_ftruncate(NULL, op->fd, op->with.range.count);
    case HARK_OP_FALLOCATE:
        return kernel_fallocate(NULL, op->fd, op->with.range.mode, op->with.range.offset,
                                op->with.range.count);
    case HARK_OP_GETDENTS:
        return kernel_getdents64(NULL, op->fd, op->with.io.bytes, op->with.io.count);
    case HARK_OP_COPY_FILE_RANGE:
        return call_copy(op);
    case HARK_OP_NOP:
    case HARK_OP_DEFER:
    case HARK_OP_SLEEP:
    case HARK_OP_EVERY:
    case HARK_OP_POST:
    case HARK_OP_WORK:
    case HARK_OP_SIGNAL_EACH:
    case HARK_OP_DETACH:
    case HARK_OP_ACCEPT:
    case HARK_OP_ACCEPT_EACH:
    case HARK_OP_CONNECT:
    case HARK_OP_RECV:
    case HARK_OP_RECV_EACH:
    case HARK_OP_SEND:
    case HARK_OP_RECVMSG:
    case HARK_OP_SENDMSG:
    case HARK_OP_SHUTDOWN:
    case HARK_OP_SOCKET:
    case HARK_OP_POLL:
    case HARK_OP_POLL_EACH:
        break;
    }
    return -ENOSYS;
}
