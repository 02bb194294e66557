/* unblocked.c - reading and writing where read(2) and write(2) may block, from the loop's thread.
 *
 * Three ways, the next where one is not to be had:
 *   - RWF_NOWAIT: pipes since Linux 6.4, but not those that were opened by a name.
 *   - The file opened anew without blocking, for the one call: terminals, and pipes that have a
 *     name or that /proc names. It is closed again at once: so it keeps no terminal and no end of a
 *     pipe open, and nothing is left to be forgotten.
 *   - O_NONBLOCK set for the one call: masters of pseudo-terminals, which cannot be opened anew,
 *     other devices, and where there is no /proc or no permission. Another process that reads or
 *     writes there in that moment may meet EAGAIN. What must hold: when a call returns, the
 *     descriptor's flags are as they were. */
#include "core/unblocked.h"
#include "core/file_call.h"

#include "hark/poll.h"

#include <stdio.h>

static bool reads(const struct hark_op *op)
{
    return op->code == HARK_OP_READ || op->code == HARK_OP_READV;
}

bool unblocked_by_kernel(struct hark_loop *loop, const struct hark_op *op, int64_t *out_result)
{
    const size_t most = 0x7ffff000; /* the kernel moves no more at once (read(2)); a vector that
                                       says more is refused */
    bool is_vector = op->code == HARK_OP_READV || op->code == HARK_OP_WRITEV;
    size_t count = op->with.io.count;
    const struct iovec one = {op->with.io.bytes, count < most ? count : most};
    const struct iovec *vector = is_vector ? op->with.io.bytes : &one;
    int vectors = is_vector ? (int)count : 1;
    int64_t result = reads(op)
                         ? kernel_preadv2(calls_of(loop), op->fd, vector, vectors, -1, RWF_NOWAIT)
                         : kernel_pwritev2(calls_of(loop), op->fd, vector, vectors, -1, RWF_NOWAIT);
    /* A filter that is older than the call may answer in any of the latter three ways. */
    if (result == -EOPNOTSUPP || result == -ENOSYS || result == -EPERM || result == -EACCES)
        return false;
    *out_result = result;
    return true;
}

/* Not the master of a pseudo-terminal: opening that anew makes another pair. */
static bool is_terminal(uint64_t *calls, int fd, unsigned *out_device)
{
    int number;
    return kernel_ioctl(calls, fd, TIOCGDEV, out_device) == 0 &&
           kernel_ioctl(calls, fd, TIOCGPTN, &number) < 0;
}

/* /dev/tty opened anew may be another terminal than it was for whoever opened it first. */
static bool is_same(uint64_t *calls, int fd, const struct stat *before, unsigned device_before)
{
    struct stat status;
    unsigned device = 0;
    if (kernel_fstat(calls, fd, &status) < 0 || status.st_dev != before->st_dev ||
        status.st_ino != before->st_ino)
        return false;
    return S_ISFIFO(status.st_mode) || (is_terminal(calls, fd, &device) && device == device_before);
}

/* A description of its own for the same pipe or terminal, that does not block; -1 where none can be
 * had. */
static int open_anew(struct hark_loop *loop, int fd, int flags)
{
    struct stat status;
    unsigned device = 0;
    uint64_t *calls = calls_of(loop);
    if (kernel_fstat(calls, fd, &status) < 0)
        return -1;
    if (!S_ISFIFO(status.st_mode) && !(S_ISCHR(status.st_mode) && is_terminal(calls, fd, &device)))
        return -1;
    char path[40];
    snprintf(path, sizeof path, "/proc/thread-self/fd/%d", fd);
    int other = kernel_openat(calls, AT_FDCWD, path,
                              (flags & O_ACCMODE) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
    if (other >= 0 && !is_same(calls, other, &status, device)) {
        kernel_close(calls, other);
        return -1;
    }
    return other;
}

int unblocked_for_call(struct hark_loop *loop, int fd, int flags, bool hung_up,
                       struct unblocked *out)
{
    int other = hung_up ? -1 : open_anew(loop, fd, flags);
    if (other >= 0) {
        *out = (struct unblocked){.fd = other, .lent_by = -1};
        return 0;
    }
    int error = kernel_fcntl(calls_of(loop), fd, F_SETFL, flags | O_NONBLOCK);
    if (error < 0)
        return error;
    *out = (struct unblocked){.fd = fd, .lent_by = fd, .flags = flags};
    return 0;
}

void unblocked_done(struct hark_loop *loop, const struct unblocked *one)
{
    if (one->lent_by >= 0)
        (void)kernel_fcntl(calls_of(loop), one->lent_by, F_SETFL, one->flags);
    else
        kernel_close(calls_of(loop), one->fd);
}

int64_t unblocked_by_hand(struct hark_loop *loop, const struct hark_op *op)
{
    int flags = kernel_fcntl(calls_of(loop), op->fd, F_GETFL, 0);
    if (flags < 0)
        return flags;
    if (flags & O_PATH || (flags & O_ACCMODE) == (reads(op) ? O_WRONLY : O_RDONLY))
        return -EBADF;
    if (flags & O_NONBLOCK)
        return file_call_io(calls_of(loop), op, op->fd);
    if (op->code == HARK_OP_READ && op->with.io.count == 0)
        return 0;
    int64_t events = kernel_poll_now(calls_of(loop), op->fd,
                                     reads(op) ? HARK_POLL_READABLE : HARK_POLL_WRITABLE);
    if (events <= 0)
        return events < 0 ? events : -EAGAIN;
    struct unblocked one;
    int error = unblocked_for_call(loop, op->fd, flags, (events & HARK_POLL_HANGUP) != 0, &one);
    if (error)
        return error;
    int64_t result = file_call_io(calls_of(loop), op, one.fd);
    unblocked_done(loop, &one);
    return result;
}

void unblocked_for_good(struct hark_loop *loop, int fd)
{
    int flags = kernel_fcntl(calls_of(loop), fd, F_GETFL, 0);
    if (flags >= 0 && !(flags & O_NONBLOCK))
        (void)kernel_fcntl(calls_of(loop), fd, F_SETFL, flags | O_NONBLOCK);
}

bool unblocked_can_poll(struct hark_loop *loop, int fd)
{
    struct epoll_event event = {0};
    int epoll = kernel_epoll_create1(calls_of(loop), EPOLL_CLOEXEC);
    if (epoll < 0)
        return true;
    bool can = kernel_epoll_ctl(calls_of(loop), epoll, EPOLL_CTL_ADD, fd, &event) != -EPERM;
    kernel_close(calls_of(loop), epoll);
    return can;
}
