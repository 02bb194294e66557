/* close.c - closing and detaching, each in its order: what is in flight on the descriptor ends
 * first, what is started meanwhile waits for it. */
#include "core/close.h"
#include "core/cancel.h"
#include "core/op.h"
#include "core/pair.h"
#include "core/row.h"
#include "hark/close.h"

void close_if_alone(struct hark_loop *loop, int fd)
{
    struct descriptor *row = descriptors_row(&loop->descriptors, fd);
    struct hark_op *op = row->ops;
    if (!op || op->next || op->state != OP_CLOSING || loop->descriptors.ended[fd])
        return;
    if (pair_first(loop, fd))
        return;
    if (op->code == HARK_OP_DETACH) {
        op->marks |= MARK_CLOSED; /* the row stays as it is until the call: nothing new starts on
                                     the number */
        return loop_finish(loop, op, kernel_is_open(fd) ? 0 : -EBADF);
    }
    descriptors_unlink(op);
    descriptors_link(&loop->descriptors.loose, op);
    op->marks |= MARK_CLOSED;
    op->state = OP_WAITING;
    loop->backend->close(loop, op);
    row_forget(loop, fd);
    if (op->state == OP_FINISHED)
        return; /* closed already: from here on the number means nothing, or another file */
    op->with.close.submissions = loop->submissions;
    row->flags = DESCRIPTOR_RELEASED;
}

/* Not one that has nothing to send yet, which it could wait for for ever. */
static bool sends_to(const struct hark_op *splice, int fd)
{
    bool is_idle = splice->with.splice.waits && !splice->with.splice.at_target;
    return pair_target(splice) == fd && !is_idle;
}

/* The ops of the row that go on until they end by themselves. */
static bool is_waited_for(const struct hark_op *closing, const struct hark_op *other)
{
    bool sends = other->code == HARK_OP_SEND || other->code == HARK_OP_SENDMSG ||
                 other->code == HARK_OP_WRITE || other->code == HARK_OP_WRITEV ||
                 other->code == HARK_OP_SEND_ZC ||
                 (other->code == HARK_OP_SPLICE && sends_to(other, closing->fd));
    return closing->marks & MARK_PATIENT && sends;
}

static void begin_close(struct hark_loop *loop, struct hark_op *op)
{
    struct descriptor *row = descriptors_row(&loop->descriptors, op->fd);
    row->flags |= DESCRIPTOR_CLOSING;
    op->state = OP_CLOSING;
    for (struct hark_op *other = row->ops; other; other = other->next) {
        if (other != op)
            other->marks |= MARK_EVICTED;
        if (op_closes(other) && other->state == OP_PARKED)
            loop_finish(loop, other, -EBADF);
        else if (!is_waited_for(op, other))
            cancel_op(loop, other);
    }
    for (struct hark_op *other = pair_first(loop, op->fd); other; other = other->with.splice.next) {
        other->marks |= MARK_EVICTED;
        if (!is_waited_for(op, other))
            cancel_op(loop, other);
    }
    for (struct hark_op *other = loop->descriptors.ended[op->fd]; other; other = other->next)
        other->marks |= MARK_EVICTED;
    close_if_alone(loop, op->fd);
}

void close_ended(struct hark_loop *loop, int fd)
{
    struct descriptor *row = descriptors_find(&loop->descriptors, fd);
    if (!row)
        return;
    row->flags = (uint8_t)(row->flags & ~DESCRIPTOR_RELEASED);
    for (struct hark_op *op = row->ops, *next; op; op = next) {
        next = op->next;
        if (op->state != OP_PARKED)
            continue;
        op->state = OP_WAITING;
        if (op_closes(op))
            begin_close(loop, op);
        else if (op->code == HARK_OP_SPLICE)
            pair_start_parked(loop, op);
        else
            loop->backend->start(loop, op);
    }
}

/* No row: no op is in flight on it, and nothing is known of it. It is closed even where there is no
 * memory for a row. */
static void close_without_row(struct hark_loop *loop, struct hark_op *op)
{
    if (op->code == HARK_OP_DETACH)
        return loop_finish(loop, op, 0);
    op->marks |= MARK_CLOSED;
    descriptors_link(&loop->descriptors.loose, op);
    loop->backend->close(loop, op);
}

static void start_close(struct hark_loop *loop, struct hark_op *op)
{
    struct descriptors *table = &loop->descriptors;
    int error = descriptors_find(table, op->fd) ? 0 : row_make(loop, op->fd);
    if (error == -ENOMEM)
        return close_without_row(loop, op);
    if (error)
        return loop_finish(loop, op, error);
    struct descriptor *row = descriptors_row(table, op->fd);
    bool released = (row->flags & DESCRIPTOR_RELEASED) != 0;
    if (row->flags & DESCRIPTOR_CLOSING || (released && row_close_is_here(loop, op->fd)))
        return loop_finish(loop, op, -EBADF);
    descriptors_link(&row->ops, op);
    if (released)
        op->state = OP_PARKED;
    else
        begin_close(loop, op);
}

void hark_close(struct hark_loop *loop, struct hark_op *op, int fd, hark_done *done)
{
    op_begin(loop, op, HARK_OP_CLOSE, fd, done);
    start_close(loop, op);
}

void hark_close_after_sending(struct hark_loop *loop, struct hark_op *op, int fd, hark_done *done)
{
    op_begin_apart(loop, op, HARK_OP_CLOSE, fd, done);
    op->marks = MARK_PATIENT;
    start_close(loop, op);
}

void hark_detach(struct hark_loop *loop, struct hark_op *op, int fd, hark_done *done)
{
    op_begin_apart(loop, op, HARK_OP_DETACH, fd, done);
    start_close(loop, op);
}
