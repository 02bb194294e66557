/* calls_files.c - the calls of kernel.h on open files, whatever their kind: reading and writing,
 * which may have to wait, and what a descriptor is asked. */
#include "sim/calls/call.h"
#include "sim/disk/disk.h"
#include "sim/net/pipe.h"
#include "sim/net/socket_base.h"
#include "sim/net/splice.h"
#include "sim/world/faults.h"
#include "sim/world/signals.h"

#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

/* --- reading and writing --- */

typedef int64_t mover(struct file *file, const struct iovec *vector, int count, int64_t offset,
                      int flags);

/* A regular file's device takes its time; the others are waited for. */
static int64_t move_now(struct file *file, mover *transfer, uint32_t events,
                        const struct iovec *vector, int count, int64_t offset, int flags)
{
    if (file->kind->is_regular && !(flags & RWF_NOWAIT))
        call_delay(disk_delay(file, vector_bytes(vector, count), events == POLLOUT));
    for (;;) {
        int64_t result = transfer(file, vector, count, offset, flags);
        if (result != -EAGAIN || file->flags & O_NONBLOCK || flags & RWF_NOWAIT)
            return result;
        if (call_block(file, events, UINT64_MAX) == -EINTR && call_is_broken())
            return -EINTR;
    }
}

/* With fewer bytes than were asked for. */
static int64_t move_less(struct file *file, mover *transfer, uint32_t events,
                         const struct iovec *vector, int count, int64_t offset, int flags,
                         size_t bytes)
{
    struct iovec *less = memory_taken((size_t)count * sizeof *less);
    memcpy(less, vector, (size_t)count * sizeof *less);
    int64_t result =
        move_now(file, transfer, events, less, vector_cut(less, count, bytes), offset, flags);
    memory_give_back(less);
    return result;
}

/* A pipe or socket that is waited for takes all of a write (pipe(7)), or as much as it takes before
 * nothing more goes. */
static int64_t write_all(struct file *file, const struct iovec *vector, int count)
{
    size_t size = vector_bytes(vector, count);
    int64_t result = move_now(file, file_write, POLLOUT, vector, count, FILE_OFFSET_OWN, 0);
    if (result <= 0 || (size_t)result == size || file->flags & O_NONBLOCK)
        return result;
    struct iovec *rest = memory_taken((size_t)count * sizeof *rest);
    size_t done = (size_t)result;
    while (result > 0 && done < size) {
        result = move_now(file, file_write, POLLOUT, rest, vector_rest(vector, count, done, rest),
                          FILE_OFFSET_OWN, 0);
        done += result > 0 ? (size_t)result : 0;
    }
    memory_give_back(rest);
    return (int64_t)done;
}

static int64_t move(const char *name, int fd, mover *transfer, uint32_t events,
                    const struct iovec *vector, int count, int64_t offset, int flags)
{
    struct file *file = call_file(fd);
    size_t wanted = vector_bytes(vector, count), bytes = wanted;
    if (!file)
        return -EBADF;
    int error = faults_of(process_current(), name, file, &bytes);
    if (error)
        return error;
    if (offset != FILE_OFFSET_OWN && !file->kind->is_regular)
        return -ESPIPE;
    call_hold(file);
    int64_t result = bytes == wanted && transfer == file_write && file->kind->poll && !flags
                         ? write_all(file, vector, count)
                     : bytes < wanted
                         ? move_less(file, transfer, events, vector, count, offset, flags, bytes)
                         : move_now(file, transfer, events, vector, count, offset, flags);
    if (result == -EPIPE)
        signals_send(process_current(), world->thread, SIGPIPE);
    return result;
}

#define READ(calls, name, vector, count, offset, flags)                                            \
    CALL_WITH_FAULTS(calls, name, fd,                                                              \
                     move(name, fd, file_read, POLLIN, vector, count, offset, flags))
#define WRITE(calls, name, vector, count, offset, flags)                                           \
    CALL_WITH_FAULTS(calls, name, fd,                                                              \
                     move(name, fd, file_write, POLLOUT, vector, count, offset, flags))

int64_t kernel_read(uint64_t *calls, int fd, void *bytes, size_t count)
{
    struct iovec vector = {bytes, count};
    return READ(calls, "read", &vector, 1, FILE_OFFSET_OWN, 0);
}

int64_t kernel_write(uint64_t *calls, int fd, const void *bytes, size_t count)
{
    struct iovec vector = {(void *)(uintptr_t)bytes, count};
    return WRITE(calls, "write", &vector, 1, FILE_OFFSET_OWN, 0);
}

int64_t kernel_readv(uint64_t *calls, int fd, const struct iovec *vector, int count)
{
    return READ(calls, "readv", vector, count, FILE_OFFSET_OWN, 0);
}

int64_t kernel_writev(uint64_t *calls, int fd, const struct iovec *vector, int count)
{
    return WRITE(calls, "writev", vector, count, FILE_OFFSET_OWN, 0);
}

int64_t kernel_pread(uint64_t *calls, int fd, void *bytes, size_t count, off_t offset)
{
    struct iovec vector = {bytes, count};
    return offset < 0 ? -EINVAL : READ(calls, "pread", &vector, 1, offset, 0);
}

int64_t kernel_pwrite(uint64_t *calls, int fd, const void *bytes, size_t count, off_t offset)
{
    struct iovec vector = {(void *)(uintptr_t)bytes, count};
    return offset < 0 ? -EINVAL : WRITE(calls, "pwrite", &vector, 1, offset, 0);
}

int64_t kernel_preadv(uint64_t *calls, int fd, const struct iovec *vector, int count, off_t offset)
{
    return offset < 0 ? -EINVAL : READ(calls, "preadv", vector, count, offset, 0);
}

int64_t kernel_pwritev(uint64_t *calls, int fd, const struct iovec *vector, int count, off_t offset)
{
    return offset < 0 ? -EINVAL : WRITE(calls, "pwritev", vector, count, offset, 0);
}

/* --- pipes, splices --- */

int kernel_pipe2(uint64_t *calls, int *out_fds, int flags)
{
    return (int)CALL(calls, "pipe2", -1, pipe_open(process_current(), flags, out_fds));
}

/* Of a socket O_NONBLOCK counts, whatever the call is told: Linux's splice_to_socket and
 * tcp_splice_read; a unix socket that is read from takes either. */
static bool waits_at(const struct file *file, bool reads, unsigned flags)
{
    bool is_unix =
        file->kind->is_socket && ((const struct socket *)(const void *)file)->family == AF_UNIX;
    bool looks_at_flags = !file->kind->is_socket || (reads && is_unix);
    return !(file->flags & O_NONBLOCK) && !(looks_at_flags && flags & SPLICE_F_NONBLOCK);
}

static int64_t splice_or_wait(struct file *from, int64_t *from_offset, struct file *to,
                              int64_t *to_offset, size_t count, unsigned flags)
{
    for (;;) {
        int64_t result = splice_now(from, from_offset, to, to_offset, count);
        bool waits_for_target = file_poll(from) & POLLIN;
        if (result != -EAGAIN || !waits_at(waits_for_target ? to : from, !waits_for_target, flags))
            return result;
        if (call_block(waits_for_target ? to : from, waits_for_target ? POLLOUT : POLLIN,
                       UINT64_MAX) == -EINTR &&
            call_is_broken())
            return -EINTR;
    }
}

static int64_t splice_files(int from_fd, int64_t *from_offset, int to_fd, int64_t *to_offset,
                            size_t count, unsigned flags)
{
    struct file *from = call_file(from_fd), *to = call_file(to_fd);
    if (!from || !to)
        return -EBADF;
    int error = faults_of(process_current(), "splice", from, &count);
    if (error)
        return error;
    call_hold(from);
    call_hold(to);
    size_t bytes = count < 65536 ? count : 65536; /* for its time */
    if (from->kind->is_regular)
        call_delay(disk_delay(from, bytes, false));
    if (to->kind->is_regular)
        call_delay(disk_delay(to, bytes, true));
    int64_t result = splice_or_wait(from, from_offset, to, to_offset, count, flags);
    if (result == -EPIPE)
        signals_send(process_current(), world->thread, SIGPIPE);
    return result;
}

int64_t kernel_splice(uint64_t *calls, int from, off_t *from_offset, int to, off_t *to_offset,
                      size_t count, unsigned flags)
{
    return CALL_WITH_FAULTS(calls, "splice", from,
                            splice_files(from, from_offset, to, to_offset, count, flags));
}

int64_t kernel_preadv2(uint64_t *calls, int fd, const struct iovec *vector, int count, off_t offset,
                       int flags)
{
    return READ(calls, "preadv2", vector, count, offset, flags);
}

int64_t kernel_pwritev2(uint64_t *calls, int fd, const struct iovec *vector, int count,
                        off_t offset, int flags)
{
    return WRITE(calls, "pwritev2", vector, count, offset, flags);
}

/* --- descriptors --- */

/* The number is gone whatever is told (close(2)). */
static int close_number(int fd)
{
    int error = faults_of(process_current(), "close", call_file(fd), NULL);
    int result = descriptors_close(&process_current()->descriptors, fd);
    return result ? result : error;
}

int kernel_close(uint64_t *calls, int fd)
{
    return (int)CALL_WITH_FAULTS(calls, "close", fd, close_number(fd));
}

static int copy(struct file *file, int at, bool close_on_exec)
{
    file_hold(file);
    int fd = at < 0 ? -EINVAL
                    : descriptors_add(&process_current()->descriptors, file, close_on_exec, at);
    if (fd < 0)
        file_release(file);
    return fd;
}

static int control(int fd, int command, int argument)
{
    const int settable = O_NONBLOCK | O_APPEND | O_DIRECT | O_NOATIME | O_ASYNC;
    struct file *file = call_file(fd);
    if (!file)
        return -EBADF;
    struct descriptor *descriptor = &process_current()->descriptors.table[fd];
    switch (command) {
    case F_GETFD:
        return descriptor->close_on_exec ? FD_CLOEXEC : 0;
    case F_SETFD:
        descriptor->close_on_exec = (argument & FD_CLOEXEC) != 0;
        return 0;
    case F_GETFL:
        return file->flags;
    case F_SETFL:
        file->flags = (file->flags & ~settable) | (argument & settable);
        return 0;
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        return copy(file, argument, command == F_DUPFD_CLOEXEC);
    default:
        return -EINVAL;
    }
}

int kernel_fcntl(uint64_t *calls, int fd, int command, int argument)
{
    return (int)CALL(calls, "fcntl", fd, control(fd, command, argument));
}

static int device_control(int fd, unsigned long request, void *argument)
{
    struct file *file = call_file(fd);
    if (!file || file->flags & O_PATH)
        return -EBADF;
    return file->kind->ioctl ? file->kind->ioctl(file, request, argument) : -ENOTTY;
}

int kernel_ioctl(uint64_t *calls, int fd, unsigned long request, void *argument)
{
    return (int)CALL(calls, "ioctl", fd, device_control(fd, request, argument));
}

static int status(int fd, struct stat *out_status)
{
    struct file *file = call_file(fd);
    if (!file)
        return -EBADF;
    *out_status = (struct stat){.st_mode = 0600, .st_nlink = 1, .st_ino = file->number};
    if (file->kind->status)
        file->kind->status(file, out_status);
    return 0;
}

int kernel_fstat(uint64_t *calls, int fd, struct stat *out_status)
{
    return (int)CALL(calls, "fstat", fd, status(fd, out_status));
}
