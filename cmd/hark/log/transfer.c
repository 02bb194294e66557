/* transfer.c - a read or a write may move less than was asked, also of a file: this goes on with
 * the rest.
 *
 * What must hold: one op in flight; a write that moves nothing is an error, not a loop.
 */
#include "log/transfer.h"

#include <errno.h>

static void set(struct log_transfer *transfer, int fd, void *bytes, size_t count, uint64_t offset,
                transfer_done *done)
{
    transfer->fd = fd;
    transfer->bytes = bytes;
    transfer->count = count;
    transfer->moved = 0;
    transfer->offset = (int64_t)offset;
    transfer->done = done;
}

static void read_some(struct hark_op *op, int64_t result);
static void wrote_some(struct hark_op *op, int64_t result);

static void read_on(struct hark_loop *loop, struct log_transfer *transfer)
{
    size_t moved = transfer->moved;
    hark_read(loop, &transfer->op, transfer->fd, transfer->bytes + moved, transfer->count - moved,
              transfer->offset + (int64_t)moved, read_some);
}

static void write_on(struct hark_loop *loop, struct log_transfer *transfer)
{
    size_t moved = transfer->moved;
    hark_write(loop, &transfer->op, transfer->fd, transfer->bytes + moved, transfer->count - moved,
               transfer->offset + (int64_t)moved, wrote_some);
}

static void read_some(struct hark_op *op, int64_t result)
{
    struct log_transfer *transfer = hark_container_of(op, struct log_transfer, op);
    if (result < 0) {
        transfer->done(transfer, result);
        return;
    }
    transfer->moved += (size_t)result;
    if (result > 0 && transfer->moved < transfer->count)
        read_on(op->loop, transfer);
    else
        transfer->done(transfer, (int64_t)transfer->moved);
}

static void wrote_some(struct hark_op *op, int64_t result)
{
    struct log_transfer *transfer = hark_container_of(op, struct log_transfer, op);
    if (result <= 0) {
        transfer->done(transfer, result < 0 ? result : -EIO);
        return;
    }
    transfer->moved += (size_t)result;
    if (transfer->moved < transfer->count)
        write_on(op->loop, transfer);
    else
        transfer->done(transfer, (int64_t)transfer->moved);
}

void transfer_read(struct hark_loop *loop, struct log_transfer *transfer, int fd, void *bytes,
                   size_t count, uint64_t offset, transfer_done *done)
{
    set(transfer, fd, bytes, count, offset, done);
    read_on(loop, transfer);
}

void transfer_write(struct hark_loop *loop, struct log_transfer *transfer, int fd, void *bytes,
                    size_t count, uint64_t offset, transfer_done *done)
{
    set(transfer, fd, bytes, count, offset, done);
    write_on(loop, transfer);
}
