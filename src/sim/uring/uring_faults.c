/* uring_faults.c - see the header. A request is asked for by the name of its call, so a script
 * means it on each engine. */
#include "sim/uring/uring_faults.h"
#include "sim/world/faults.h"

enum { OPCODES = 64, OPCODE_FTRUNCATE = 55 };

/* By opcode; NULL: what has no call of its own. */
static const char *const calls[OPCODES] = {
    [IORING_OP_ACCEPT] = "accept4",     [IORING_OP_CONNECT] = "connect",
    [IORING_OP_RECV] = "recv",          [IORING_OP_SEND] = "send",
    [IORING_OP_RECVMSG] = "recvmsg",    [IORING_OP_SENDMSG] = "sendmsg",
    [IORING_OP_SHUTDOWN] = "shutdown",  [IORING_OP_SOCKET] = "socket",
    [IORING_OP_READ] = "read",          [IORING_OP_READV] = "readv",
    [IORING_OP_WRITE] = "write",        [IORING_OP_WRITEV] = "writev",
    [IORING_OP_POLL_ADD] = "poll",      [IORING_OP_CLOSE] = "close",
    [IORING_OP_FSYNC] = "fsync",        [IORING_OP_FALLOCATE] = "fallocate",
    [OPCODE_FTRUNCATE] = "ftruncate",   [IORING_OP_OPENAT] = "openat",
    [IORING_OP_OPENAT2] = "openat",     [IORING_OP_STATX] = "statx",
    [IORING_OP_RENAMEAT] = "renameat2", [IORING_OP_UNLINKAT] = "unlinkat",
    [IORING_OP_MKDIRAT] = "mkdirat",    [IORING_OP_SYMLINKAT] = "symlinkat",
    [IORING_OP_LINKAT] = "linkat",      [IORING_OP_SETXATTR] = "setxattr",
    [IORING_OP_FSETXATTR] = "setxattr", [IORING_OP_GETXATTR] = "getxattr",
    [IORING_OP_FGETXATTR] = "getxattr", [IORING_OP_SEND_ZC] = "send",
    [IORING_OP_SPLICE] = "splice",
};

static bool is_about_path(unsigned opcode)
{
    return opcode == IORING_OP_OPENAT || opcode == IORING_OP_OPENAT2 || opcode == IORING_OP_STATX ||
           opcode == IORING_OP_RENAMEAT || opcode == IORING_OP_UNLINKAT ||
           opcode == IORING_OP_MKDIRAT || opcode == IORING_OP_SYMLINKAT ||
           opcode == IORING_OP_LINKAT || opcode == IORING_OP_SETXATTR ||
           opcode == IORING_OP_GETXATTR;
}

/* The path that it is about. */
static const char *path_of(const struct io_uring_sqe *sqe)
{
    bool has_it_third = sqe->opcode == IORING_OP_SETXATTR || sqe->opcode == IORING_OP_GETXATTR;
    uint64_t path = has_it_third                         ? sqe->addr3
                    : sqe->opcode == IORING_OP_SYMLINKAT ? sqe->addr2
                                                         : sqe->addr;
    return (const char *)(uintptr_t)path; // NOLINT: as it was written
}

static const char *call_of(const struct io_uring_sqe *sqe)
{
    bool is_data = sqe->opcode == IORING_OP_FSYNC && sqe->fsync_flags & IORING_FSYNC_DATASYNC;
    return is_data ? "fdatasync" : calls[sqe->opcode];
}

int uring_faults_of(const struct request *request, size_t *bytes)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    struct process *process = request->ring->process;
    const char *call = sqe->opcode < OPCODES ? call_of(sqe) : NULL;
    if (!call)
        return 0;
    if (is_about_path(sqe->opcode))
        return faults_of_path(process, call, sqe->fd, path_of(sqe));
    struct file *file = sqe->opcode == IORING_OP_CLOSE
                            ? descriptors_find(&process->descriptors, sqe->fd)
                            : request->file;
    return faults_of(process, call, file, bytes);
}
