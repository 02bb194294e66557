/* file_call.h - each file op as the blocking system call of its name. */
#ifndef CORE_FILE_CALL_H
#define CORE_FILE_CALL_H

#include "hark/op.h"

/* A file op as a blocking system call, for the pool. Gives its result. */
int64_t file_call(struct hark_op *op);

/* Whether opening would wait for the other side, were it a named pipe.
 * Takes: a HARK_OP_OPENAT. */
bool file_call_open_may_wait(const struct hark_op *op);

/* The call of a HARK_OP_READ, WRITE, READV or WRITEV at the position of fd, which may be another
 * than the op's. */
int64_t file_call_io(uint64_t *calls, const struct hark_op *op, int fd);

#endif
