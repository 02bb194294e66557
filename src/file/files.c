/* files.c - starting the ops of file.h. */
#include "core/op.h"
#include "core/pair.h"
#include "core/sigpipe.h"
#include "hark/file.h"

#include <fcntl.h>
#include <limits.h>

static inline __attribute__((always_inline)) void start_io(struct hark_loop *loop,
                                                           struct hark_op *op, void *bytes,
                                                           size_t count, int64_t offset)
{
    op->with.io.bytes = bytes;
    op->with.io.count = count;
    op->with.io.offset = offset;
    op->with.io.flags = 0;
    op->with.io.buffer = 0;
    if (unlikely(offset < HARK_AT_POSITION))
        return loop_finish(loop, op, -EINVAL);
    op_start_on_descriptor(loop, op);
}

void hark_read(struct hark_loop *loop, struct hark_op *op, int fd, void *bytes, size_t count,
               int64_t offset, hark_done *done)
{
    op_begin(loop, op, HARK_OP_READ, fd, done);
    start_io(loop, op, bytes, count, offset);
}

void hark_write(struct hark_loop *loop, struct hark_op *op, int fd, const void *bytes, size_t count,
                int64_t offset, hark_done *done)
{
    op_begin(loop, op, HARK_OP_WRITE, fd, done);
    sigpipe_guard(loop, op);
    start_io(loop, op, (void *)(uintptr_t)bytes, count, offset);
}

static __attribute__((noinline)) void start_vector(struct hark_loop *loop, struct hark_op *op,
                                                   const struct iovec *vector, unsigned count,
                                                   int64_t offset)
{
    if (count > IOV_MAX)
        return loop_finish(loop, op, -EINVAL);
    start_io(loop, op, (void *)(uintptr_t)vector, count, offset);
}

void hark_readv(struct hark_loop *loop, struct hark_op *op, int fd, const struct iovec *vector,
                unsigned count, int64_t offset, hark_done *done)
{
    op_begin_apart(loop, op, HARK_OP_READV, fd, done);
    start_vector(loop, op, vector, count, offset);
}

void hark_writev(struct hark_loop *loop, struct hark_op *op, int fd, const struct iovec *vector,
                 unsigned count, int64_t offset, hark_done *done)
{
    op_begin_apart(loop, op, HARK_OP_WRITEV, fd, done);
    sigpipe_guard(loop, op);
    start_vector(loop, op, vector, count, offset);
}

static void start_plain(struct hark_loop *loop, struct hark_op *op, enum hark_op_code code, int fd,
                        hark_done *done)
{
    op_begin_apart(loop, op, code, fd, done);
    op_start_apart(loop, op);
}

void hark_fsync(struct hark_loop *loop, struct hark_op *op, int fd, hark_done *done)
{
    start_plain(loop, op, HARK_OP_FSYNC, fd, done);
}

void hark_fdatasync(struct hark_loop *loop, struct hark_op *op, int fd, hark_done *done)
{
    start_plain(loop, op, HARK_OP_FDATASYNC, fd, done);
}

void hark_copy_file_range(struct hark_loop *loop, struct hark_op *op, int from, int64_t from_offset,
                          int to, int64_t to_offset, size_t count, hark_done *done)
{
    op_begin_apart(loop, op, HARK_OP_COPY_FILE_RANGE, from, done);
    op->with.copy.from_offset = from_offset;
    op->with.copy.to_offset = to_offset;
    op->with.copy.count = count;
    op->with.copy.to = to;
    if (from_offset < HARK_AT_POSITION || to_offset < HARK_AT_POSITION)
        return loop_finish(loop, op, -EINVAL);
    op_start_apart(loop, op);
}

/* Both ends cannot have an offset, as one is a pipe. */
void hark_splice(struct hark_loop *loop, struct hark_op *op, int from, int64_t from_offset, int to,
                 int64_t to_offset, size_t count, unsigned flags, hark_done *done)
{
    const unsigned known = SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT;
    const size_t most = 0x7ffff000; /* that the kernel moves at once */
    op_begin_apart(loop, op, HARK_OP_SPLICE, from, done);
    op->with.splice.offset = from_offset >= 0 ? from_offset : to_offset;
    op->with.splice.offset_is_of_target = from_offset < 0;
    op->with.splice.count = (uint32_t)(count < most ? count : most);
    op->with.splice.other = to;
    op->with.splice.flags = (uint16_t)flags;
    op->with.splice.fruitless = 0;
    op->with.splice.at_target = false;
    op->with.splice.waits = false;
    sigpipe_guard(loop, op);
    if (from_offset < HARK_AT_POSITION || to_offset < HARK_AT_POSITION || flags & ~known)
        return loop_finish(loop, op, -EINVAL);
    if (from_offset >= 0 && to_offset >= 0)
        return loop_finish(loop, op, -ESPIPE);
    pair_start(loop, op);
}

static void start_range(struct hark_loop *loop, struct hark_op *op, int mode, int64_t offset,
                        int64_t count)
{
    op->with.range.mode = mode;
    op->with.range.offset = offset;
    op->with.range.count = count;
    op_start_apart(loop, op);
}

void hark_ftruncate(struct hark_loop *loop, struct hark_op *op, int fd, int64_t length,
                    hark_done *done)
{
    op_begin_apart(loop, op, HARK_OP_FTRUNCATE, fd, done);
    start_range(loop, op, 0, 0, length);
}

void hark_fallocate(struct hark_loop *loop, struct hark_op *op, int fd, int mode, int64_t offset,
                    int64_t length, hark_done *done)
{
    op_begin_apart(loop, op, HARK_OP_FALLOCATE, fd, done);
    start_range(loop, op, mode, offset, length);
}
