/* file_call.c - each file op as the blocking system call of its name, run on a thread of the pool where the kernel offers no
 * asynchronous one. EINTR, which the pool's threads can meet on network file systems, is not passed on. */
#include "core/loop.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int64_t call_at(const struct hark_op *op)
{
    void *bytes = op->with.io.bytes;
    size_t count = op->with.io.count;
    int64_t offset = op->with.io.offset;
    if (op->code == HARK_OP_READ)
        return pread(op->fd, bytes, count, offset);
    if (op->code == HARK_OP_WRITE)
        return pwrite(op->fd, bytes, count, offset);
    return op->code == HARK_OP_READV ? preadv(op->fd, bytes, (int)count, offset) : pwritev(op->fd, bytes, (int)count, offset);
}

static int64_t call_at_position(const struct hark_op *op, int fd)
{
    void *bytes = op->with.io.bytes;
    size_t count = op->with.io.count;
    if (op->code == HARK_OP_READ)
        return read(fd, bytes, count);
    if (op->code == HARK_OP_WRITE)
        return write(fd, bytes, count);
    return op->code == HARK_OP_READV ? readv(fd, bytes, (int)count) : writev(fd, bytes, (int)count);
}

/* What cannot seek passes over the offset; that may be a file, of /proc for one, as well. */
static int64_t call_io(const struct hark_op *op)
{
    int64_t result = op->with.io.offset < 0 ? -1 : call_at(op);
    return op->with.io.offset < 0 || (result < 0 && errno == ESPIPE) ? call_at_position(op, op->fd) : result;
}

static int64_t call_copy(const struct hark_op *op)
{
    off64_t from_offset = op->with.copy.from_offset;
    off64_t to_offset = op->with.copy.to_offset;
    return copy_file_range(op->fd, from_offset < 0 ? NULL : &from_offset, op->with.copy.to, to_offset < 0 ? NULL : &to_offset,
                           op->with.copy.count, 0);
}

bool file_open_may_wait(const struct hark_op *op)
{
    uint64_t flags = op->with.open.flags;
    bool made = (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
    return (flags & O_ACCMODE) != O_RDWR && !(flags & (O_NONBLOCK | O_DIRECTORY | O_PATH)) && !made;
}

static bool is_named_pipe(const struct hark_op *op)
{
    struct stat status;
    int follow = op->with.open.flags & O_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0;
    return fstatat(op->fd, op->with.open.path, &status, follow) == 0 && S_ISFIFO(status.st_mode);
}

/* Nobody knows when a named pipe's other side comes, if it ever does: no thread waits for it. */
static int64_t call_open(const struct hark_op *op)
{
    int flags = (int)op->with.open.flags;
    mode_t mode = (mode_t)op->with.open.mode;
    if (!file_open_may_wait(op) || !is_named_pipe(op))
        return openat(op->fd, op->with.open.path, flags, mode);
    int fd = openat(op->fd, op->with.open.path, flags | O_NONBLOCK, mode);
    if (fd >= 0)
        (void)fcntl(fd, F_SETFL, flags);
    return fd;
}

static int64_t call_path(const struct hark_op *op)
{
    const char *from = op->with.path.from;
    int flags = op->with.path.flags;
    uint32_t mode = op->with.path.mode;
    if (op->code == HARK_OP_STATX)
        return statx(op->fd, from, flags, mode, op->with.path.status);
    if (op->code == HARK_OP_RENAMEAT)
        return renameat2(op->fd, from, (int)mode, op->with.path.to, (unsigned)flags);
    if (op->code == HARK_OP_UNLINKAT)
        return unlinkat(op->fd, from, flags);
    return mkdirat(op->fd, from, mode);
}

/* -1 with errno, as the calls themselves; the ops that never come here have no call. */
static int64_t call(const struct hark_op *op)
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
        return close(op->fd);
    case HARK_OP_FSYNC:
        return fsync(op->fd);
    case HARK_OP_FDATASYNC:
        return fdatasync(op->fd);
    case HARK_OP_FTRUNCATE:
        return ftruncate(op->fd, op->with.range.count);
    case HARK_OP_FALLOCATE:
        return fallocate(op->fd, op->with.range.mode, op->with.range.offset, op->with.range.count);
    case HARK_OP_GETDENTS:
        return syscall(SYS_getdents64, op->fd, op->with.io.bytes, op->with.io.count);
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
    errno = ENOSYS;
    return -1;
}

int64_t file_io(const struct hark_op *op, int fd)
{
    int64_t result;
    do
        result = call_at_position(op, fd);
    while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : result;
}

int64_t file_call(struct hark_op *op)
{
    int64_t result;
    do
        result = call(op);
    while (result < 0 && errno == EINTR && op->code != HARK_OP_CLOSE);
    if (result < 0 && errno == EINTR)
        return 0; /* the descriptor is gone all the same (close(2), Linux) */
    return result < 0 ? -errno : result;
}
