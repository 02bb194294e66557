/* splice.c - splices on the readiness backends: what an end is, and where one goes next.
 *
 * What must hold: an op changes its row in pair.h's functions alone, which are never called while a
 * row is walked through. */
#include "core/pair.h"
#include "core/work_pool.h"
#include "ready/kind.h"
#include "ready/ready.h"

static enum pair_kind kind_of(const struct descriptor *row)
{
    if (row->kind == KIND_FILE)
        return PAIR_FILE;
    if (row->kind != KIND_PIPE)
        return PAIR_SOCKET;
    return row->flags & DESCRIPTOR_PIPE ? PAIR_PIPE : PAIR_DEVICE;
}

int ready_pair_kind(struct hark_loop *loop, int fd)
{
    struct descriptor *row = descriptors_row(&loop->descriptors, fd);
    int error = row->flags & DESCRIPTOR_KNOWN ? 0 : kind_look_up(loop, fd, row);
    if (error)
        return error;
    bool too_high = row->kind != KIND_FILE && fd >= ready_of(loop)->poller->limit;
    return too_high ? -ERANGE : (int)kind_of(row);
}

static void wait_here(struct hark_loop *loop, struct hark_op *op)
{
    uint16_t wanted = op->with.splice.at_target ? READY_OUT : READY_IN;
    struct descriptor *row = descriptors_row(&loop->descriptors, op->fd);
    row->ready &= (uint16_t)~wanted;
    op->backend_bits = wanted;
    ready_wait_at(loop, op);
}

void ready_pair_go(struct hark_loop *loop, struct hark_op *op, enum pair_next next)
{
    if (next == PAIR_WAITS)
        wait_here(loop, op);
    else if (next == PAIR_AGAIN)
        loop_next_turn(loop, op);
    else
        work_pool_submit(loop, op);
}
