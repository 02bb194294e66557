/* blocking.c - reads and writes that io_uring would do in the thread that submits them, blocking it.
 *
 * It asks poll, and where that says ready it calls the file's own read or write: a terminal then waits for the rest of its room,
 * and a pipe with a name for whoever was quicker (up to Linux 6.18 at least; what knows IOCB_NOWAIT, such as sockets, regular
 * files and pipes without a name, is not concerned). Such an op polls through the ring, and its call is made here. */
#include "core/unblocked.h"
#include "uring/uring.h"

#include <fcntl.h>
#include <sys/stat.h>

static bool is_plain(unsigned mode)
{
    return S_ISREG(mode) || S_ISSOCK(mode) || S_ISDIR(mode) || S_ISBLK(mode);
}

/* Whether the kernel can be left alone with the descriptor, for good. Where its first call tells, *out_result is that call's. */
static bool never_blocks(struct hark_loop *loop, const struct hark_op *op, unsigned mode, int64_t *out_result)
{
    if (is_plain(mode))
        return true;
    loop->metrics.system_calls++;
    int flags = fcntl(op->fd, F_GETFL);
    return flags & O_NONBLOCK || unblocked_by_kernel(loop, op, out_result) || !unblocked_can_poll(loop, op->fd);
}

/* The first read or write on a descriptor: what it is is looked up. */
static int64_t first_io(struct hark_loop *loop, struct hark_op *op)
{
    struct stat status;
    int64_t result = -EAGAIN;
    loop->metrics.system_calls++;
    if (fstat(op->fd, &status) < 0)
        return -errno;
    if (!never_blocks(loop, op, status.st_mode, &result))
        return uring_io_by_hand(loop, op);
    descriptors_row(&loop->descriptors, op->fd)->flags |= DESCRIPTOR_KNOWN;
    return result;
}

void uring_start_io(struct hark_loop *loop, struct hark_op *op)
{
    const struct descriptor *row = descriptors_row(&loop->descriptors, op->fd);
    int64_t result = likely(row->flags & DESCRIPTOR_KNOWN) ? -EAGAIN : first_io(loop, op);
    if (likely(result == -EAGAIN))
        uring_submit(loop, op);
    else
        loop_finish(loop, op, result);
}

int64_t uring_io_by_hand(struct hark_loop *loop, struct hark_op *op)
{
    int64_t result = unblocked_by_hand(loop, op);
    op->marks |= MARK_BY_HAND;
    if (result == -EAGAIN)
        op->spare |= OP_POLLING;
    return result;
}
