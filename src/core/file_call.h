/* file_call.h - each file op as the blocking system call of its name. */
#ifndef CORE_FILE_CALL_H
#define CORE_FILE_CALL_H

#include "hark/op.h"

#include <fcntl.h>

/* The blocking system calls of the ops, for the threads of the pool: which is whose says
 * op_kinds.c. Each gives the op's result. */
typedef int64_t file_call_made(const struct hark_op *op);
file_call_made file_call_transfer, file_call_open, file_call_close, file_call_sync, file_call_range,
    file_call_path, file_call_attribute, file_call_entries, file_call_copy, file_call_splice;

/* The path that a call is given. With AT_EMPTY_PATH none at all stands for "", as statx(2) has it
 * since Linux 6.11; older kernels, rings and the other calls refuse it with EFAULT. */
static inline const char *file_call_named(const char *path, int flags)
{
    return path || !(flags & AT_EMPTY_PATH) ? path : "";
}

/* Whether opening would wait for the other side, were it a named pipe.
 * Takes: a HARK_OP_OPENAT. */
bool file_call_open_may_wait(const struct hark_op *op);

/* The call of a HARK_OP_READ, WRITE, READV or WRITEV at the position of fd, which may be another
 * than the op's. */
int64_t file_call_io(uint64_t *calls, const struct hark_op *op, int fd);

#endif
