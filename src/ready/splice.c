/* splice.c - splices on the readiness backends: tried where both ends do not block, and waiting
 * then for the one that is not ready; with a file at one end, on the work pool once the pipe is
 * ready.
 *
 * What must hold: an op changes its row here alone, never while a row is walked through. */
#include "core/op.h"
#include "core/pair.h"
#include "core/work_pool.h"
#include "ready/kind.h"
#include "ready/ready.h"

static int look_up(struct hark_loop *loop, int fd)
{
    struct descriptor *row = descriptors_row(&loop->descriptors, fd);
    return row->flags & DESCRIPTOR_KNOWN ? 0 : kind_look_up(loop, fd, row);
}

static struct descriptor *row_of(struct hark_loop *loop, int fd)
{
    return descriptors_row(&loop->descriptors, fd);
}

/* What is no socket and no pipe: files, and devices of which nobody knows whether they block. */
static bool may_block(struct hark_loop *loop, int fd)
{
    const struct descriptor *row = row_of(loop, fd);
    return row->kind == KIND_FILE || (row->kind == KIND_PIPE && !(row->flags & DESCRIPTOR_PIPE));
}

static uint16_t wanted(const struct hark_op *op)
{
    return op->with.splice.at_target ? READY_OUT : READY_IN;
}

/* As far as is known, where it stands. */
static bool is_ready(struct hark_loop *loop, const struct hark_op *op)
{
    return (row_of(loop, op->fd)->ready & wanted(op)) != 0;
}

static void wait_here(struct hark_loop *loop, struct hark_op *op)
{
    row_of(loop, op->fd)->ready &= (uint16_t)~wanted(op);
    op->backend_bits = wanted(op);
    ready_wait_at(loop, op);
}

static void try(struct hark_loop *loop, struct hark_op *op)
{
    bool waits;
    op_trying(loop, op);
    int64_t result = pair_try(loop, op, &waits);
    op_tried(loop, op, result);
    if (result != -EAGAIN)
        loop_finish(loop, op, result);
    else if (waits)
        wait_here(loop, op);
    else
        loop_next_turn(loop, op);
}

static bool is_pipe(struct hark_loop *loop, int fd)
{
    return (row_of(loop, fd)->flags & DESCRIPTOR_PIPE) != 0;
}

/* The other end of a pipe: no event would ever come. */
static bool is_wrong_end(struct hark_loop *loop, const struct hark_op *op)
{
    int flags = kernel_fcntl(calls_of(loop), op->fd, F_GETFL, 0);
    return flags >= 0 && (flags & O_ACCMODE) == (op->with.splice.at_target ? O_RDONLY : O_WRONLY);
}

/* The pipe is not waited for by the call: it would keep a thread. */
static void start_with_file(struct hark_loop *loop, struct hark_op *op)
{
    if (!is_pipe(loop, op->fd))
        pair_turn(loop, op);
    if (!is_pipe(loop, op->fd) || kernel_poll_now(calls_of(loop), op->fd, wanted(op)) != 0)
        work_pool_submit(loop, op); /* where neither is one, to be told so */
    else if (is_wrong_end(loop, op))
        loop_finish(loop, op, -EBADF);
    else
        wait_here(loop, op);
}

/* Where it is known that one end is not ready, no call is made that can only say so. */
static void start_here(struct hark_loop *loop, struct hark_op *op)
{
    if (is_ready(loop, op))
        pair_turn(loop, op);
    if (is_ready(loop, op))
        try(loop, op);
    else
        wait_here(loop, op);
}

static bool is_too_high(struct hark_loop *loop, int fd)
{
    return !may_block(loop, fd) && fd >= ready_of(loop)->poller->limit;
}

void ready_start_pair(struct hark_loop *loop, struct hark_op *op)
{
    int other = op->with.splice.other;
    int error = look_up(loop, op->fd);
    if (!error)
        error = look_up(loop, other);
    if (!error && (is_too_high(loop, op->fd) || is_too_high(loop, other)))
        error = -ERANGE;
    if (error)
        loop_finish(loop, op, error);
    else if (may_block(loop, op->fd) || may_block(loop, other))
        start_with_file(loop, op);
    else
        start_here(loop, op);
}
