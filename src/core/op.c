/* op.c - an op's life between its start and its final call: linking, cancelling, deadlines, closing and detaching in order. */
#include "core/loop.h"
#include "hark/file.h"

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
    op->marks |= MARK_LINKED;
    descriptors_link(&loop->descriptors.loose, op);
    checking_given(loop, op);
    loop->backend->start(loop, op);
}

/* Entries into the kernel that can have submitted a request. */
static uint64_t waits_so_far(const struct hark_loop *loop)
{
    return loop->metrics.waits + loop->metrics.ring_full;
}

/* Whether the close of a released number has not left this thread yet: then the number cannot mean another file. */
static bool close_is_still_here(const struct hark_loop *loop, int fd)
{
    for (const struct hark_op *op = loop->descriptors.loose; op; op = op->next)
        if (op->code == HARK_OP_CLOSE && op->fd == fd && op->state == OP_WAITING)
            return op->with.close.waits == waits_so_far(loop);
    return false;
}

/* The table grows for numbers that are open alone: a wrong one must not cost memory. */
static int make_row(struct hark_loop *loop, int fd)
{
    if (fd < 0 || !kernel_is_open(fd))
        return -EBADF;
    return descriptors_grow(&loop->descriptors, fd);
}

void op_start_on_rare_descriptor(struct hark_loop *loop, struct hark_op *op)
{
    struct descriptors *table = &loop->descriptors;
    int error = descriptors_find(table, op->fd) ? 0 : make_row(loop, op->fd);
    if (error)
        return loop_finish(loop, op, error);
    struct descriptor *row = descriptors_row(table, op->fd);
    if (row->flags & DESCRIPTOR_CLOSING)
        return loop_finish(loop, op, -EBADF);
    op->marks |= MARK_LINKED;
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

/* A close or a detach: ends all others on its descriptor, and cannot be ended itself. */
static bool is_closing(const struct hark_op *op)
{
    return op->code == HARK_OP_CLOSE || op->code == HARK_OP_DETACH;
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

/* Sets aside the newest ops of the row, up to the first that is not a poll whose final call alone is to come: so each is looked
 * at once, however many come and go in one turn. Gives: whether none is left. */
static bool set_ended_polls_aside(struct hark_loop *loop, int fd)
{
    struct descriptor *row = descriptors_row(&loop->descriptors, fd);
    struct hark_op *op;
    while ((op = row->ops) != NULL) {
        bool over = op->marks & MARK_CANCELLED || (op->state == OP_FINISHED && !(op->marks & HARK_MARK_MORE));
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

/* A poll was cancelled. Who asks for readiness owns the descriptor, and may close it right after his last poll on it is
 * cancelled: the number then comes again, and means another file. */
static void forget_if_polled_no_more(struct hark_loop *loop, int fd)
{
    struct descriptor *row = descriptors_find(&loop->descriptors, fd);
    if (row && row->flags && !(row->flags & DESCRIPTOR_RELEASED) && op_row_is_free(loop, fd))
        loop_forget_descriptor(loop, fd);
}

static void cancel(struct hark_loop *loop, struct hark_op *op)
{
    if (op->state == OP_POSTED)
        loop_take_inbox(loop);
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
        if (!is_closing(op))
            finish_cancelled(loop, op);
        break;
    case OP_READY:
        /* It stands in a queue already. */
        op->marks |= MARK_CANCELLED;
        op->result = -ECANCELED;
        op->state = OP_FINISHED;
        break;
    case OP_FINISHED:
        cancel_finished(op);
        break;
    case OP_CALLING:
        op->marks |= MARK_CANCELLED;
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
    cancel(op->loop, op);
    if (is_poll(op))
        forget_if_polled_no_more(op->loop, op->fd);
}

static void cancel_list(struct hark_loop *loop, struct hark_op *op)
{
    while (op) {
        struct hark_op *next = op->next;
        cancel(loop, op);
        op = next;
    }
}

/* Gives whether there were any. Taking one out can move another to a place that was passed already: called until none is left. */
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
    loop_take_inbox(loop);
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
    for (struct hark_op *op = loop->deferred.first; op; op = op->queued)
        cancel_finished(op);
    hark_cancel(loop->calling);
    while (cancel_timers(loop))
        ;
}

/* --- deadlines and time --- */

void hark_op_deadline(struct hark_op *op, uint64_t deadline_ns)
{
    if (op->state == OP_IDLE)
        return;
    struct hark_loop *loop = op->loop;
    checking_thread(loop, op, op->fd);
    bool timed = op->code == HARK_OP_SLEEP || op->code == HARK_OP_EVERY;
    if (timed)
        op->with.timer.deadline_ns = deadline_ns;
    if (timed && op->state != OP_TIMED)
        return; /* its time has come; an every looks at its deadline when it goes on */
    uint64_t at_ns = timed && op->with.timer.at_ns <= deadline_ns ? op->with.timer.at_ns : deadline_ns;
    if (at_ns == HARK_NEVER && !timed)
        return timers_remove(&loop->timers, op);
    if (timed && timers_time_of(&loop->timers, op) == at_ns)
        return; /* moving it would cost it its place among equals */
    if (timers_set(&loop->timers, op, at_ns) < 0) {
        /* Without a deadline the op could wait for ever: it ends, and says why. */
        op->marks |= MARK_NO_MEMORY;
        hark_cancel(op);
    }
}

static void timer_due(struct hark_loop *loop, struct hark_op *op)
{
    uint64_t at_ns = op->with.timer.at_ns;
    if (op->with.timer.deadline_ns < at_ns)
        return loop_finish(loop, op, -ETIMEDOUT);
    if (op->code == HARK_OP_SLEEP)
        return loop_finish(loop, op, 0);
    uint64_t periods = (loop->now_ns - at_ns) / op->with.timer.period_ns + 1;
    op->with.timer.at_ns = at_ns + periods * op->with.timer.period_ns;
    op->marks |= HARK_MARK_MORE;
    loop_finish(loop, op, (int64_t)periods);
}

void timers_expire(struct hark_loop *loop, uint32_t budget)
{
    while (budget-- > 0 && timers_next(&loop->timers) <= loop->now_ns) {
        struct hark_op *op = timers_op(&loop->timers, 0);
        timers_remove(&loop->timers, op);
        if (op->state == OP_TIMED) {
            timer_due(loop, op);
        } else {
            if (!(op->marks & MARK_CANCELLED))
                op->marks |= MARK_EXPIRED;
            hark_cancel(op);
        }
    }
}

static void every_continue(struct hark_loop *loop, struct hark_op *op)
{
    uint64_t deadline_ns = op->with.timer.deadline_ns;
    uint64_t at_ns = op->with.timer.at_ns < deadline_ns ? op->with.timer.at_ns : deadline_ns;
    op->state = OP_TIMED;
    int error = timers_set(&loop->timers, op, at_ns);
    if (error)
        loop_finish(loop, op, error);
}

void op_continue(struct hark_loop *loop, struct hark_op *op)
{
    check(op->state == OP_CALLING);
    if (op->marks & (MARK_CANCELLED | MARK_EXPIRED)) {
        if (op->code == HARK_OP_SIGNAL_EACH)
            signals_end(loop, op);
        loop_finish(loop, op, -ECANCELED);
    } else if (op->code == HARK_OP_EVERY)
        every_continue(loop, op);
    else if (op->code == HARK_OP_SIGNAL_EACH)
        op->state = OP_LISTENING;
    else {
        op->state = OP_WAITING;
        loop->backend->again(loop, op);
    }
}

/* --- closing --- */

void op_close_if_alone(struct hark_loop *loop, int fd)
{
    struct descriptor *row = descriptors_row(&loop->descriptors, fd);
    struct hark_op *op = row->ops;
    if (!op || op->next || op->state != OP_CLOSING || loop->descriptors.ended[fd])
        return;
    if (op->code == HARK_OP_DETACH) {
        op->marks |= MARK_CLOSED; /* the row stays as it is until the call: nothing new starts on the number */
        return loop_finish(loop, op, kernel_is_open(fd) ? 0 : -EBADF);
    }
    descriptors_unlink(op);
    descriptors_link(&loop->descriptors.loose, op);
    op->marks |= MARK_CLOSED;
    op->state = OP_WAITING;
    loop->backend->close(loop, op);
    loop_forget_descriptor(loop, fd);
    if (op->state == OP_FINISHED)
        return; /* closed already: from here on the number means nothing, or another file */
    op->with.close.waits = waits_so_far(loop);
    row->flags = DESCRIPTOR_RELEASED;
}

/* The ops of the row that go on until they end by themselves. */
static bool is_waited_for(const struct hark_op *closing, const struct hark_op *other)
{
    bool sends = other->code == HARK_OP_SEND || other->code == HARK_OP_SENDMSG || other->code == HARK_OP_WRITE ||
                 other->code == HARK_OP_WRITEV;
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
        if (is_closing(other) && other->state == OP_PARKED)
            loop_finish(loop, other, -EBADF);
        else if (!is_waited_for(op, other))
            cancel(loop, other);
    }
    for (struct hark_op *other = loop->descriptors.ended[op->fd]; other; other = other->next)
        other->marks |= MARK_EVICTED;
    op_close_if_alone(loop, op->fd);
}

void op_close_ended(struct hark_loop *loop, int fd)
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
        if (is_closing(op))
            begin_close(loop, op);
        else
            loop->backend->start(loop, op);
    }
}

/* No row: no op is in flight on it, and nothing is known of it. It is closed even where there is no memory for a row. */
static void close_without_row(struct hark_loop *loop, struct hark_op *op)
{
    if (op->code == HARK_OP_DETACH)
        return loop_finish(loop, op, 0);
    op->marks |= MARK_LINKED | MARK_CLOSED;
    descriptors_link(&loop->descriptors.loose, op);
    loop->backend->close(loop, op);
}

static void start_close(struct hark_loop *loop, struct hark_op *op)
{
    struct descriptors *table = &loop->descriptors;
    int error = descriptors_find(table, op->fd) ? 0 : make_row(loop, op->fd);
    if (error == -ENOMEM)
        return close_without_row(loop, op);
    if (error)
        return loop_finish(loop, op, error);
    struct descriptor *row = descriptors_row(table, op->fd);
    bool released = (row->flags & DESCRIPTOR_RELEASED) != 0;
    if (row->flags & DESCRIPTOR_CLOSING || (released && close_is_still_here(loop, op->fd)))
        return loop_finish(loop, op, -EBADF);
    op->marks |= MARK_LINKED;
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
    op_begin(loop, op, HARK_OP_CLOSE, fd, done);
    op->marks = MARK_PATIENT;
    start_close(loop, op);
}

void hark_detach(struct hark_loop *loop, struct hark_op *op, int fd, hark_done *done)
{
    op_begin(loop, op, HARK_OP_DETACH, fd, done);
    start_close(loop, op);
}
