/* transfer.h - reads and writes that go on until all is moved. */
#ifndef HARK_COMMAND_LOG_TRANSFER_H
#define HARK_COMMAND_LOG_TRANSFER_H

#include "hark.h"

struct log_transfer;

/* Takes: result: the bytes moved: of a read fewer than asked only at the end of the file; or a
 *   negative errno. */
typedef void transfer_done(struct log_transfer *transfer, int64_t result);

/* One transfer, in the caller's memory. Zero it once. */
struct log_transfer {
    struct hark_op op;
    unsigned char *bytes;
    size_t count;
    size_t moved;
    int64_t offset;
    int fd;
    transfer_done *done;
};

/* Start like an op: transfer and bytes are the loop's until done, which is never called from
 * inside. */
void transfer_read(struct hark_loop *loop, struct log_transfer *transfer, int fd, void *bytes,
                   size_t count, uint64_t offset, transfer_done *done);
void transfer_write(struct hark_loop *loop, struct log_transfer *transfer, int fd, void *bytes,
                    size_t count, uint64_t offset, transfer_done *done);

#endif
