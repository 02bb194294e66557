/* op.c - an op's life between its start and its final call: linking, cancelling, going on. */
#include "core/close.h"
#include "core/deadline.h"
#include "core/loop.h"
#include "core/wake.h"

_Static_assert((int)HARK_OP_KINDS <= (int)HARK_OP_KINDS_MAX, "hark_metrics has room for each kind");

static const char *const op_names[HARK_OP_KINDS] = {
#define NAME(code, name) [HARK_OP_##code] = #name,
    HARK_OPS(NAME)
#undef NAME
};

const char *hark_op_name(int code)
{
    return code >= 0 && code < HARK_OP_KINDS ? op_names[code] : "unknown";
}

/* --- starting --- */

void op_start_loose(struct hark_loop *loop, struct hark_op *op)
{
    descriptors_link(&loop->descriptors.loose, op);
    checking_given(loop, op);
    loop->backend->start(loop, op);
}

int op_make_row(struct hark_loop *loop, int fd)
{
    if (fd < 0 || !kernel_is_open(fd))
        return -EBADF;
    return descriptors_grow(&loop->descriptors, fd);
}

void op_start_on_rare_descriptor(struct hark_loop *loop, struct hark_op *op)
{
    struct descriptors *table = &loop->descriptors;
    int error = descriptors_find(table, op->fd) ? 0 : op_make_row(loop, op->fd);
    if (error)
        return loop_finish(loop, op, error);
    struct descriptor *row = descriptors_row(table, op->fd);
    if (row->flags & DESCRIPTOR_CLOSING)
        return loop_finish(loop, op, -EBADF);
    descriptors_link(&row->ops, op);
    checking_given(loop, op);
    if (!(row->flags & DESCRIPTOR_RELEASED))
        loop->backend->start(loop, op);
    else if (close_is_still_here(loop, op->fd))
        loop_finish(loop, op, -EBADF);
    else
        op->state = OP_PARKED;
}

bool op_sends_to_unix_name(const struct hark_op *op)
{
    if (op->code != HARK_OP_SENDMSG)
        return false;
    const struct msghdr *message = op->with.io.bytes;
    const struct sockaddr *name = message->msg_name;
    return name && message->msg_namelen >= sizeof name->sa_family && name->sa_family == AF_UNIX;
}

void loop_forget_descriptor(struct hark_loop *loop, int fd)
{
    struct descriptor *row = descriptors_find(&loop->descriptors, fd);
    if (!row)
        return;
    if (loop->backend->forget)
        loop->backend->forget(loop, fd);
    *row = (struct descriptor){.ops = row->ops};
}

/* --- cancelling --- */

/* What is known already is delivered first, unless it says nothing that is lost without it. */
static void cancel_finished(struct hark_op *op)
{
    op->marks |= MARK_CANCELLED;
    bool repeats_for_nothing = op->code == HARK_OP_EVERY || op->code == HARK_OP_POLL_EACH;
    if (op->code == HARK_OP_DEFER)
        op->result = -ECANCELED;
    else if ((op->marks & HARK_MARK_MORE) && repeats_for_nothing) {
        op->marks &= (uint16_t)~HARK_MARK_MORE;
        op->result = -ECANCELED;
    }
}

/* The mark keeps a deadline that passes before the final call from being told in its stead. */
static void finish_cancelled(struct hark_loop *loop, struct hark_op *op)
{
    op->marks |= MARK_CANCELLED;
    loop_finish(loop, op, -ECANCELED);
}

static bool is_poll(const struct hark_op *op)
{
    return op->code == HARK_OP_POLL || op->code == HARK_OP_POLL_EACH;
}

/* Sets aside the newest ops of the row, up to the first that is not a poll whose final call alone
 * is to come: so each is looked at once, however many come and go in one turn. Gives: whether none
 * is left. */
static bool set_ended_polls_aside(struct hark_loop *loop, int fd)
{
    struct descriptor *row = descriptors_row(&loop->descriptors, fd);
    struct hark_op *op;
    while ((op = row->ops)) {
        bool over = op->marks & MARK_CANCELLED ||
                    (op->state == OP_FINISHED && !(op->marks & HARK_MARK_MORE));
        if (!is_poll(op) || !over)
            return false;
        descriptors_unlink(op);
        descriptors_link(&loop->descriptors.ended[fd], op);
    }
    return true;
}

bool op_row_is_free(struct hark_loop *loop, int fd)
{
    struct descriptor *row = descriptors_find(&loop->descriptors, fd);
    return !row || (!(row->flags & DESCRIPTOR_CLOSING) && set_ended_polls_aside(loop, fd));
}

/* A poll was cancelled. Who asks for readiness owns the descriptor, and may close it right after
 * his last poll on it is cancelled: the number then comes again, and means another file. */
static void forget_if_polled_no_more(struct hark_loop *loop, int fd)
{
    struct descriptor *row = descriptors_find(&loop->descriptors, fd);
    if (row && row->flags && !(row->flags & DESCRIPTOR_RELEASED) && op_row_is_free(loop, fd))
        loop_forget_descriptor(loop, fd);
}

void op_cancel(struct hark_loop *loop, struct hark_op *op)
{
    if (op->state == OP_POSTED)
        wake_take_inbox(loop);
    switch ((enum op_state)op->state) {
    case OP_WAITING:
        if (op->marks & MARK_CANCELLED || op->code == HARK_OP_CLOSE)
            break;
        op->marks |= MARK_CANCELLED;
        loop->backend->cancel(loop, op);
        break;
    case OP_TIMED:
        timers_remove(&loop->timers, op);
        finish_cancelled(loop, op);
        break;
    case OP_WORKING:
        if (op->code != HARK_OP_CLOSE && work_pool_withdraw(loop, op))
            finish_cancelled(loop, op);
        break;
    case OP_LISTENING:
        signals_end(loop, op);
        finish_cancelled(loop, op);
        break;
    case OP_PARKED:
        if (!op_closes(op))
            finish_cancelled(loop, op);
        break;
    case OP_STARVED:
        op_queue_remove(&loop->buffers.starved, op);
        finish_cancelled(loop, op);
        break;
    case OP_FINISHED:
        cancel_finished(op);
        break;
    case OP_LATE:
    case OP_NEXT_TURN:
    case OP_CALLING:
        op->marks |= MARK_CANCELLED; /* it is looked at where it goes on */
        break;
    case OP_POSTED:
    case OP_CLOSING:
    case OP_IDLE:
        break;
    }
}

void hark_cancel(struct hark_op *op)
{
    if (!op || op->state == OP_IDLE)
        return;
    checking_thread(op->loop, op, op->fd);
    op_cancel(op->loop, op);
    if (is_poll(op))
        forget_if_polled_no_more(op->loop, op->fd);
}

static void cancel_list(struct hark_loop *loop, struct hark_op *op)
{
    while (op) {
        struct hark_op *next = op->next;
        op_cancel(loop, op);
        op = next;
    }
}

/* Gives whether there were any. Taking one out can move another to a place that was passed already:
 * called until none is left. */
static bool cancel_timers(struct hark_loop *loop)
{
    bool any = false;
    for (uint32_t i = loop->timers.count; i-- > 0;) {
        if (i >= loop->timers.count)
            continue;
        struct hark_op *op = timers_op(&loop->timers, i);
        if (op->state != OP_TIMED)
            continue; /* the deadline of an op that is being cancelled */
        any = true;
        hark_cancel(op);
    }
    return any;
}

void hark_cancel_all(struct hark_loop *loop)
{
    wake_take_inbox(loop);
    work_pool_withdraw_all(loop);
    for (uint32_t fd = 0; fd < loop->descriptors.count; fd++) {
        if (!loop->descriptors.rows[fd].ops)
            continue;
        cancel_list(loop, loop->descriptors.rows[fd].ops);
        forget_if_polled_no_more(loop, (int)fd);
    }
    cancel_list(loop, loop->descriptors.loose);
    for (struct hark_op *op = loop->finished.first; op; op = op->queued)
        cancel_finished(op);
    for (struct hark_op *op = loop->next_turn.first; op; op = op->queued)
        op->marks |= MARK_CANCELLED;
    hark_cancel(loop->calling);
    while (cancel_timers(loop))
        ;
}

/* --- going on --- */

void op_continue(struct hark_loop *loop, struct hark_op *op)
{
    check(op->state == OP_CALLING);
    if (op->marks & (MARK_CANCELLED | MARK_EXPIRED)) {
        if (op->code == HARK_OP_SIGNAL_EACH)
            signals_end(loop, op);
        loop_finish(loop, op, -ECANCELED);
    } else if (op->code == HARK_OP_EVERY)
        deadline_every_continue(loop, op);
    else if (op->code == HARK_OP_SIGNAL_EACH)
        op->state = OP_LISTENING;
    else {
        op->state = OP_WAITING;
        loop->backend->again(loop, op);
    }
}
