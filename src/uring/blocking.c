/* blocking.c - what io_uring would do in the thread that submits, blocking it, or in a thread of
 * its own, for ever or not at all.
 *
 * Reading and writing: it asks poll, and where that says ready it calls the file's own read or
 * write: a terminal then waits for the rest of its room, and a pipe with a name for whoever was
 * quicker (up to Linux 6.18 at least; what knows IOCB_NOWAIT, such as sockets, regular files and
 * pipes without a name, is not concerned). Such an op polls through the ring, and its call is made
 * here.
 *
 * Opening: what the kernel's cache of names answers is opened at once, without waiting for a named
 * pipe's other side (io_openat2). With any other name a thread of the kernel would wait for it:
 * that is the pool's, which does not (file_call.c).
 *
 * Where the kernel can start no thread (RLIMIT_NPROC, a container's limit) it answers as after a
 * cancel. */
#include "uring/blocking.h"
#include "core/child.h"
#include "core/op_kinds.h"
#include "core/pair.h"
#include "core/unblocked.h"
#include "core/work_pool.h"
#include "uring/submit.h"

#include <linux/openat2.h>

static bool is_plain(unsigned mode)
{
    return S_ISREG(mode) || S_ISSOCK(mode) || S_ISDIR(mode) || S_ISBLK(mode);
}

/* Whether the kernel can be left alone with the descriptor, for good. Should whoever shares the
 * file clear O_NONBLOCK, a thread of the kernel's waits. Where its first call tells, *out_result is
 * that call's. */
static bool never_blocks(struct hark_loop *loop, const struct hark_op *op, unsigned mode,
                         int64_t *out_result)
{
    if (is_plain(mode))
        return true;
    int flags = kernel_fcntl(calls_of(loop), op->fd, F_GETFL, 0);
    if (flags & O_NONBLOCK)
        return true;
    op_trying(loop, op);
    bool told = unblocked_by_kernel(loop, op, out_result);
    if (told)
        op_tried(loop, op, *out_result);
    return told || !unblocked_can_poll(loop, op->fd);
}

/* The first read or write on a descriptor: what it is is looked up. Apart, as is
 * blocking_io_by_hand: what all others do stays small. */
static __attribute__((noinline)) int64_t first_io(struct hark_loop *loop, struct hark_op *op)
{
    struct stat status;
    int64_t result = -EAGAIN;
    int error = kernel_fstat(calls_of(loop), op->fd, &status);
    if (error < 0)
        return error;
    struct descriptor *row = descriptors_row(&loop->descriptors, op->fd);
    bool never = never_blocks(loop, op, status.st_mode, &result);
    row->flags |= never ? DESCRIPTOR_KNOWN : DESCRIPTOR_BY_HAND;
    return never ? result : blocking_io_by_hand(loop, op);
}

void blocking_start_io(struct hark_loop *loop, struct hark_op *op)
{
    const struct descriptor *row = descriptors_row(&loop->descriptors, op->fd);
    int64_t result = -EAGAIN;
    if (unlikely(row->flags & DESCRIPTOR_BY_HAND))
        result = blocking_io_by_hand(loop, op);
    else if (unlikely(!(row->flags & DESCRIPTOR_KNOWN)))
        result = first_io(loop, op);
    if (likely(result == -EAGAIN))
        submit_op(loop, op);
    else
        loop_finish(loop, op, result);
}

/* --- splices --- */

static enum pair_kind pair_kind_of(struct hark_loop *loop, int fd, unsigned mode)
{
    if (S_ISFIFO(mode))
        return PAIR_PIPE;
    if (S_ISSOCK(mode))
        return PAIR_SOCKET;
    return is_plain(mode) || !unblocked_can_poll(loop, fd) ? PAIR_FILE : PAIR_DEVICE;
}

int blocking_pair_kind(struct hark_loop *loop, int fd)
{
    struct descriptor *row = descriptors_row(&loop->descriptors, fd);
    struct stat status;
    if (row->kind & ROW_PAIR)
        return (row->kind & ROW_PAIR) >> ROW_PAIR_SHIFT;
    int error = kernel_fstat(calls_of(loop), fd, &status);
    if (error < 0)
        return error;
    enum pair_kind kind = pair_kind_of(loop, fd, status.st_mode);
    row->kind |= (uint8_t)(kind << ROW_PAIR_SHIFT);
    return (int)kind;
}

void blocking_pair_go(struct hark_loop *loop, struct hark_op *op, enum pair_next next)
{
    op->marks |= MARK_BY_HAND;
    if (next != PAIR_THREAD)
        op->backend_bits |= OP_POLLING; /* to be tried again it polls what is ready */
    submit_op(loop, op);
}

/* Gives: its result; or -EAGAIN, and what is submitted next is its poll, or the request. */
static int64_t splice_by_hand(struct hark_loop *loop, struct hark_op *op)
{
    int64_t result;
    enum pair_next next = pair_try(loop, op, &result);
    if (next == PAIR_ENDS)
        return result;
    if (next != PAIR_THREAD)
        op->backend_bits |= OP_POLLING;
    return -EAGAIN;
}

/* --- by hand --- */

__attribute__((noinline)) int64_t blocking_io_by_hand(struct hark_loop *loop, struct hark_op *op)
{
    if (op->code == HARK_OP_SPLICE)
        return splice_by_hand(loop, op);
    op_trying(loop, op);
    int64_t result =
        op->code == HARK_OP_WAITID ? child_try(calls_of(loop), op) : unblocked_by_hand(loop, op);
    op_tried(loop, op, result);
    op->marks |= MARK_BY_HAND;
    if (result == -EAGAIN)
        op->backend_bits |= OP_POLLING;
    return result;
}

void blocking_start_wait(struct hark_loop *loop, struct hark_op *op)
{
    int64_t result = blocking_io_by_hand(loop, op);
    if (result == -EAGAIN)
        submit_op(loop, op);
    else
        loop_finish(loop, op, result);
}

void blocking_start_open(struct hark_loop *loop, struct hark_op *op)
{
    const uint64_t changes = O_CREAT | O_TRUNC | O_TMPFILE; /* the cache alone never suffices */
    const uint64_t known = O_ACCMODE | O_EXCL | O_NOCTTY | O_APPEND | O_DSYNC | O_SYNC | O_ASYNC |
                           O_DIRECT | O_NOFOLLOW | O_NOATIME |
                           O_CLOEXEC; /* openat2(2) refuses what it does not know */
    if (!file_call_open_may_wait(op))
        return submit_op(loop, op);
    if (op->with.open.flags & changes)
        return work_pool_submit(loop, op);
    op->with.open.flags &= known;
    op->with.open.mode = 0; /* it means nothing here, and openat2(2) minds */
    op->with.open.resolve = RESOLVE_CACHED;
    submit_op(loop, op);
}

void blocking_without_thread(struct hark_loop *loop, struct hark_op *op)
{
    if (op->code == HARK_OP_SHUTDOWN) {
        op_trying(loop, op);
        op_finish_tried(loop, op, kernel_shutdown(calls_of(loop), op->fd, op->with.io.flags));
    } else if (op->code == HARK_OP_CLOSE) {
        if (work_pool_try(loop, op) == 0)
            return;
        op_trying(loop, op); /* better late than never */
        op_finish_tried(loop, op, kernel_close(calls_of(loop), op->fd));
    } else if (op_kinds[op->code].call) {
        work_pool_submit(loop, op);
    } else {
        loop_finish(loop, op, -EAGAIN);
    }
}
