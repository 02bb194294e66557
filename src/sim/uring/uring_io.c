/* uring_io.c - see the header. Pipes and their like are tried, and polled where they would wait, as
 * sockets are (uring_sockets.c); what a device does, and what may need the file system, a worker
 * does later. */
#include "sim/uring/uring_io.h"
#include "sim/disk/disk.h"
#include "sim/disk/names.h"
#include "sim/net/socket.h"
#include "sim/net/splice.h"
#include "sim/uring/uring_faults.h"
#include "sim/uring/uring_sockets.h"
#include "sim/world/luck.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <string.h>

enum {
    OPCODE_FTRUNCATE = 55,
    WORKER_LEAST_NS = 2000,
    WORKER_MOST_NS = 5000000,
    NO_WORKER_PER_MILLION = 500, /* no thread could be made for it: it ends as if cancelled */
    GIVEN_UP_PER_MILLION = 5000, /* it was polled for too often, and a worker does it, which waits
                                    for nothing where the descriptor is not to */
};

bool uring_io_has(int version, unsigned opcode)
{
    if (opcode == IORING_OP_SEND_ZC)
        return version >= URING_SINGLE_ISSUER;
    return opcode <= IORING_OP_SENDMSG_ZC
               ? opcode != IORING_OP_SENDMSG_ZC || version >= URING_DEFER_TASKRUN
               : opcode == OPCODE_FTRUNCATE && version >= URING_FTRUNCATE;
}

bool uring_io_has_file(const struct io_uring_sqe *sqe)
{
    switch (sqe->opcode) {
    case IORING_OP_NOP:
    case IORING_OP_SOCKET:
    case IORING_OP_OPENAT:
    case IORING_OP_OPENAT2:
    case IORING_OP_CLOSE:
    case IORING_OP_STATX:
    case IORING_OP_RENAMEAT:
    case IORING_OP_UNLINKAT:
    case IORING_OP_MKDIRAT:
    case IORING_OP_SYMLINKAT:
    case IORING_OP_LINKAT:
    case IORING_OP_SETXATTR:
    case IORING_OP_GETXATTR:
        return false;
    default:
        return true;
    }
}

static void *pointer(uint64_t address)
{
    return (void *)(uintptr_t)address; // NOLINT: as the process wrote it
}

/* --- polls --- */

static uint32_t poll_events(const struct request *request)
{
    return request->sqe.poll32_events | POLLERR | POLLHUP | POLLRDHUP;
}

static bool repeats(const struct request *request)
{
    return (request->sqe.len & IORING_POLL_ADD_MULTI) != 0;
}

/* What it is told is what the wake-up could have meant, not what holds (io_poll_check_events). */
static void polled(struct request *request)
{
    uint32_t told = request->polled;
    if (request->asks_poll)
        told |= file_poll(request->file);
    told &= poll_events(request);
    request->polled = 0;
    request->asks_poll = false;
    if (told && !repeats(request))
        return request_complete(request, told, 0);
    if (told && !request_complete_more(request, told, 0))
        return;
    request->state = REQUEST_POLLS;
}

/* What has no poll of its own is ready for what it is asked, once: there is nothing that a request
 * could wait in (__io_arm_poll_handler). */
static void try_poll(struct request *request)
{
    int error = uring_faults_of(request, NULL);
    if (error)
        return request_complete(request, error, 0);
    uint32_t now = file_poll(request->file) & poll_events(request);
    if (!request->file->kind->poll && (!now || repeats(request)))
        return request_complete(request, -EINVAL, 0);
    if (now && !repeats(request))
        return request_complete(request, now, 0);
    if (now && !request_complete_more(request, now, 0))
        return;
    request_watch(request);
}

/* --- reading and writing files of any kind --- */

static bool writes(const struct io_uring_sqe *sqe)
{
    return sqe->opcode == IORING_OP_WRITE || sqe->opcode == IORING_OP_WRITEV;
}

/* Fewer bytes than were asked for, where a fault wants it. Gives: NULL: it does not. */
static struct iovec *shorten(const struct request *request, const struct iovec *vector, int *count)
{
    if (request->bytes_most >= vector_bytes(vector, *count))
        return NULL;
    struct iovec *less = memory_own((size_t)*count * sizeof *less);
    memcpy(less, vector, (size_t)*count * sizeof *less);
    *count = vector_cut(less, *count, request->bytes_most);
    return less;
}

static int64_t read_or_write(struct request *request)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    bool vectored = sqe->opcode == IORING_OP_READV || sqe->opcode == IORING_OP_WRITEV;
    struct iovec one = {pointer(sqe->addr), sqe->len};
    const struct iovec *vector = vectored ? pointer(sqe->addr) : &one;
    int count = vectored ? (int)sqe->len : 1;
    int64_t offset = request->file->kind->is_regular ? (int64_t)sqe->off : FILE_OFFSET_OWN;
    struct iovec *less = shorten(request, vector, &count);
    if (less)
        vector = less;
    int64_t result = writes(sqe) ? file_write(request->file, vector, count, offset, 0)
                                 : file_read(request->file, vector, count, offset, 0);
    memory_own_free(less);
    return result;
}

static size_t bytes_asked(const struct io_uring_sqe *sqe)
{
    bool vectored = sqe->opcode == IORING_OP_READV || sqe->opcode == IORING_OP_WRITEV;
    return vectored ? vector_bytes(pointer(sqe->addr), (int)sqe->len) : sqe->len;
}

/* What is in the page cache may be moved at once. */
static void try_read_or_write(struct request *request)
{
    request->bytes_most = bytes_asked(&request->sqe);
    int error = uring_faults_of(request, &request->bytes_most);
    if (error)
        return request_complete(request, error, 0);
    if (request->file->kind->is_regular) {
        if (chance_below(&world->chance, 2) && !(request->file->flags & O_DIRECT))
            return request_complete(request, read_or_write(request), 0);
        return request_delay(
            request, disk_delay(request->file, bytes_asked(&request->sqe), writes(&request->sqe)));
    }
    int64_t result = read_or_write(request);
    /* With O_NONBLOCK as well: io_file_get_flags in io_uring/io_uring.c. */
    bool gives_up = result == -EAGAIN && request->file->flags & O_NONBLOCK &&
                    luck_fails(HARK_SIM_FAULT_RING, GIVEN_UP_PER_MILLION);
    if (result == -EAGAIN && !gives_up)
        return request_poll(request, writes(&request->sqe) ? POLLOUT : POLLIN);
    request_complete(request, result, 0);
}

/* --- what a worker does --- */

/* A name that is in the cache leads there without waiting for a pipe's other side (io_openat2): all
 * are, or RESOLVE_CACHED has been refused. */
static int open_by_name(struct process *process, const struct io_uring_sqe *sqe)
{
    struct open_how how = {.flags = sqe->open_flags, .mode = sqe->len};
    if (sqe->opcode == IORING_OP_OPENAT2)
        memcpy(&how, pointer(sqe->off), sizeof how);
    int fd = names_open(process, sqe->fd, pointer(sqe->addr), (int)how.flags | O_NONBLOCK,
                        (mode_t)how.mode, how.resolve);
    if (fd >= 0 && !(how.flags & O_NONBLOCK))
        descriptors_find(&process->descriptors, fd)->flags &= ~O_NONBLOCK;
    return fd;
}

/* Rings close no rings (io_close). */
static int close_by_ring(struct process *process, int fd)
{
    const struct file *file = descriptors_find(&process->descriptors, fd);
    return file && file->kind == &uring_kind ? -EBADF
                                             : descriptors_close(&process->descriptors, fd);
}

/* Attributes, whose paths begin in the working directory. */
static int64_t set_or_get(struct process *process, const struct io_uring_sqe *sqe)
{
    bool by_path = sqe->opcode == IORING_OP_SETXATTR || sqe->opcode == IORING_OP_GETXATTR;
    bool sets = sqe->opcode == IORING_OP_SETXATTR || sqe->opcode == IORING_OP_FSETXATTR;
    int directory = by_path ? AT_FDCWD : sqe->fd;
    const char *path = by_path ? pointer(sqe->addr3) : "";
    int flags = by_path ? 0 : AT_EMPTY_PATH;
    if (!sets && sqe->xattr_flags)
        return -EINVAL;
    return sets ? names_set_attribute(process, directory, path, flags, pointer(sqe->addr),
                                      pointer(sqe->addr2), sqe->len, (int)sqe->xattr_flags)
                : names_get_attribute(process, directory, path, flags, pointer(sqe->addr),
                                      pointer(sqe->addr2), sqe->len);
}

static int64_t splice_by_worker(const struct request *request)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    const struct process *process = request->ring->process;
    struct file *from = descriptors_find(&process->descriptors, sqe->splice_fd_in);
    int64_t from_offset = (int64_t)sqe->splice_off_in, to_offset = (int64_t)sqe->off;
    if (!from)
        return -EBADF;
    return splice_now(from, from_offset < 0 ? NULL : &from_offset, request->file,
                      to_offset < 0 ? NULL : &to_offset, request->bytes_most);
}

static int64_t perform(struct request *request)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    struct process *process = request->ring->process;
    switch (sqe->opcode) {
    case IORING_OP_READ:
    case IORING_OP_READV:
    case IORING_OP_WRITE:
    case IORING_OP_WRITEV:
        return read_or_write(request);
    case IORING_OP_OPENAT:
    case IORING_OP_OPENAT2:
        return open_by_name(process, sqe);
    case IORING_OP_CLOSE:
        return close_by_ring(process, sqe->fd);
    case IORING_OP_FSYNC:
        return names_sync(request->file, (sqe->fsync_flags & IORING_FSYNC_DATASYNC) != 0);
    case OPCODE_FTRUNCATE:
        return names_truncate(request->file, (int64_t)sqe->off);
    case IORING_OP_SPLICE:
        return splice_by_worker(request);
    case IORING_OP_FALLOCATE:
        return names_allocate(request->file, (int)sqe->len, (int64_t)sqe->off, (int64_t)sqe->addr);
    case IORING_OP_STATX:
        return names_statx(process, sqe->fd, pointer(sqe->addr), (int)sqe->statx_flags, sqe->len,
                           pointer(sqe->off));
    case IORING_OP_RENAMEAT:
        return names_rename(process, sqe->fd, pointer(sqe->addr), (int)sqe->len,
                            pointer(sqe->addr2), sqe->rename_flags);
    case IORING_OP_UNLINKAT:
        return names_unlink(process, sqe->fd, pointer(sqe->addr), (int)sqe->unlink_flags);
    case IORING_OP_MKDIRAT:
        return names_make_directory(process, sqe->fd, pointer(sqe->addr), sqe->len);
    case IORING_OP_SYMLINKAT:
        return names_make_link(process, pointer(sqe->addr), sqe->fd, pointer(sqe->addr2));
    case IORING_OP_LINKAT:
        return names_link(process, sqe->fd, pointer(sqe->addr), (int)sqe->len, pointer(sqe->addr2),
                          (int)sqe->hardlink_flags);
    case IORING_OP_SETXATTR:
    case IORING_OP_FSETXATTR:
    case IORING_OP_GETXATTR:
    case IORING_OP_FGETXATTR:
        return set_or_get(process, sqe);
    case IORING_OP_SHUTDOWN:
        return socket_shutdown(request->file, (int)sqe->len);
    case IORING_OP_SOCKET:
        return socket_open(process, sqe->fd, (int)sqe->off, (int)sqe->len);
    default:
        return -EINVAL;
    }
}

static uint64_t worker_delay(const struct request *request)
{
    bool syncs = request->sqe.opcode == IORING_OP_FSYNC;
    return syncs ? disk_sync_delay(request->file)
                 : chance_delay(&world->chance, WORKER_LEAST_NS, WORKER_MOST_NS);
}

/* io_close() in Linux's io_uring/openclose.c: only what has a flush() of its own, as files of some
 * file systems have, is closed by a worker. */
static bool is_closed_at_once(const struct request *request)
{
    const struct file *file =
        descriptors_find(&request->ring->process->descriptors, request->sqe.fd);
    return !file || !file->kind->is_regular;
}

/* Sockets and descriptors need no worker, most of the time; names do. RESOLVE_CACHED asks for an
 * answer at once (openat2(2)). */
static void try_call(struct request *request)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    bool quick = sqe->opcode == IORING_OP_CLOSE || sqe->opcode == IORING_OP_SHUTDOWN ||
                 sqe->opcode == IORING_OP_SOCKET;
    request->bytes_most = sqe->len;
    int error =
        uring_faults_of(request, sqe->opcode == IORING_OP_SPLICE ? &request->bytes_most : NULL);
    if (error && sqe->opcode == IORING_OP_CLOSE) /* the number is gone all the same (close(2)) */
        return request_complete(request, perform(request) < 0 ? -EBADF : error, 0);
    if (error)
        return request_complete(request, error, 0);
    if (sqe->opcode == IORING_OP_OPENAT2 ||
        (sqe->opcode == IORING_OP_CLOSE && is_closed_at_once(request)) ||
        (quick && chance_below(&world->chance, 4)))
        return request_complete(request, perform(request), 0);
    if (luck_fails(HARK_SIM_FAULT_RING, NO_WORKER_PER_MILLION))
        return request_complete(request, -ECANCELED, 0);
    request_delay(request, worker_delay(request));
}

/* --- messages between rings --- */

static void try_message(struct request *request)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    struct ring *to = (struct ring *)request->file;
    if (request->file->kind != &uring_kind)
        return request_complete(request, -EBADFD, 0);
    if (to->setup_flags & IORING_SETUP_R_DISABLED)
        return request_complete(request, -EBADFD, 0);
    (void)uring_queue_post(to, sqe->off, (int32_t)sqe->len, 0);
    request_complete(request, 0, 0);
}

static void try(struct request *request)
{
    switch (request->sqe.opcode) {
    case IORING_OP_NOP:
        return request_complete(request, 0, 0);
    case IORING_OP_POLL_ADD:
        return try_poll(request);
    case IORING_OP_ACCEPT:
        return uring_sockets_accept(request);
    case IORING_OP_CONNECT:
        return uring_sockets_connect(request);
    case IORING_OP_RECV:
    case IORING_OP_RECVMSG:
        if (request->sqe.flags & IOSQE_BUFFER_SELECT)
            return uring_sockets_receive_lent(request);
        return uring_sockets_transfer(request, false);
    case IORING_OP_SEND:
    case IORING_OP_SENDMSG:
        return uring_sockets_transfer(request, true);
    case IORING_OP_SEND_ZC:
        return uring_sockets_send_zc(request);
    case IORING_OP_READ:
    case IORING_OP_READV:
    case IORING_OP_WRITE:
    case IORING_OP_WRITEV:
        return try_read_or_write(request);
    case IORING_OP_MSG_RING:
        return try_message(request);
    default:
        return try_call(request);
    }
}

const struct request_actions uring_io_actions = {.try = try, .perform = perform, .polled = polled};
