/* polls.c - readiness as ops: what is waited for may change while they are in flight. */
#include "core/op.h"
#include "hark/poll.h"

static bool is_known(uint32_t events)
{
    const uint32_t known = HARK_POLL_READABLE | HARK_POLL_EXCEPTIONAL | HARK_POLL_WRITABLE |
                           HARK_POLL_ERROR | HARK_POLL_HANGUP | HARK_POLL_PEER_HANGUP;
    return !(events & ~known);
}

static void wants(struct hark_op *op, uint32_t events)
{
    op->with.poll.events = events | HARK_POLL_ERROR | HARK_POLL_HANGUP;
}

static void start_poll(struct hark_loop *loop, struct hark_op *op, uint32_t events)
{
    if (!is_known(events))
        return loop_finish(loop, op, -EINVAL);
    wants(op, events);
    op_start_on_descriptor(loop, op);
}

void hark_poll(struct hark_loop *loop, struct hark_op *op, int fd, uint32_t events, hark_done *done)
{
    op_begin(loop, op, HARK_OP_POLL, fd, done);
    start_poll(loop, op, events);
}

void hark_poll_each(struct hark_loop *loop, struct hark_op *op, int fd, uint32_t events,
                    hark_done *done)
{
    op_begin_apart(loop, op, HARK_OP_POLL_EACH, fd, done);
    start_poll(loop, op, events);
}

int hark_poll_change(struct hark_op *op, uint32_t events)
{
    if (!hark_op_active(op))
        return 0;
    check_rule(op->code == HARK_OP_POLL || op->code == HARK_OP_POLL_EACH,
               "the events of an op were changed that is no poll", op, op->fd);
    checking_thread(op->loop, op, op->fd);
    if (!is_known(events))
        return -EINVAL;
    wants(op, events);
    bool ends = op->marks & (MARK_CANCELLED | MARK_EXPIRED);
    if (!ends && op->state != OP_PARKED) /* a parked one has not been started yet */
        op->loop->backend->change(op->loop, op);
    return 0;
}
