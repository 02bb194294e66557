/* uring_io.h - what the opcodes of io_uring do. */
#ifndef SIM_URING_URING_IO_H
#define SIM_URING_URING_IO_H

#include "sim/uring/uring_request.h"

/* The opcodes that a kernel of that version has. */
bool uring_io_has(int version, unsigned opcode);

/* Whether the entry's `fd` is a descriptor of the process's. */
bool uring_io_has_file(const struct io_uring_sqe *sqe);

extern const struct request_actions uring_io_actions;

/* Of rings: uring.c. */
extern const struct file_kind uring_kind;

#endif
