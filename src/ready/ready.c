/* ready.c - the completion engine: ops are tried, wait in their rows, and are tried again when the
 * poller reports.
 *
 * What must hold: an op in state OP_WAITING stands in its row and, under a level-triggered poller,
 * is watched for; or it is starved of buffers, or among those that are looked at again in the next
 * turn. No callback is ever called from here. */
#include "ready/ready.h"
#include "core/call.h"
#include "core/unblocked.h"

#include <stdio.h>

/* --- watching --- */

static bool waits_for_events(const struct hark_op *op)
{
    return op->state == OP_WAITING && !(op->marks & (MARK_STARVED | MARK_RECHECK));
}

/* Also a repeating poll that is being told of its events: it waits again right after. */
static bool is_for_events(const struct hark_op *op)
{
    if (op->code != HARK_OP_POLL_EACH || op->state == OP_WAITING)
        return waits_for_events(op);
    bool goes_on =
        op->state == OP_CALLING || (op->state == OP_FINISHED && op->marks & HARK_MARK_MORE);
    return goes_on && !(op->marks & (MARK_CANCELLED | MARK_EXPIRED));
}

/* A poller that cannot report hang-ups sees them as readability. Unless data lies unread: then that
 * would be reported for ever, and hang-ups have to wait until it is read. */
static uint32_t watchable(const struct ready *ready, const struct descriptor *row, uint32_t events)
{
    if (ready->poller->hangups || events & READY_IN)
        return events;
    bool only_hangups = events && !(events & (READY_OUT | READY_PRI));
    return (only_hangups || events & READY_RDHUP) && !(row->seen & READY_IN) ? events | READY_IN
                                                                             : events;
}

static int watch(struct ready *ready, int fd, struct descriptor *row, uint32_t wanted)
{
    if (wanted == row->interest)
        return 0;
    int error = ready->poller->watch(ready, fd, row->interest, wanted);
    if (error)
        return error;
    row->interest = (uint16_t)wanted;
    row->flags =
        (uint8_t)(wanted ? row->flags | DESCRIPTOR_WATCHED : row->flags & ~DESCRIPTOR_WATCHED);
    return 0;
}

/* What has no poll of its own would be polled for ever. epoll says so itself. */
static bool never_changes(struct hark_loop *loop, struct descriptor *row, const struct hark_op *op)
{
    bool polls = op->code == HARK_OP_POLL || op->code == HARK_OP_POLL_EACH;
    if (!polls || row->kind < KIND_PIPE || row->flags & DESCRIPTOR_CHANGES)
        return false;
    if (!unblocked_can_poll(loop, op->fd))
        return true;
    row->flags |= DESCRIPTOR_CHANGES;
    return false;
}

/* Level-triggered, a repeating poll costs no call between its events; all else would be reported
 * again and again while nobody waits for it. */
static uint32_t edge_or_level(const struct descriptor *row, const struct hark_op *op)
{
    bool level = op->code == HARK_OP_POLL_EACH || (op->code == HARK_OP_POLL && row->interest);
    return level ? row->interest | ready_events_of(op) : (uint32_t)(READY_ALL | READY_EDGE);
}

/* An op begins to wait. */
static inline int watch_for(struct ready *ready, struct descriptor *row, const struct hark_op *op)
{
    if (ready->poller->edge)
        return likely(row->interest & READY_EDGE)
                   ? 0
                   : watch(ready, op->fd, row, edge_or_level(row, op));
    if (unlikely(never_changes(ready->loop, row, op)))
        return -EPERM;
    return watch(ready, op->fd, row, row->interest | watchable(ready, row, ready_events_of(op)));
}

enum { WALK_MAX = 256 };

/* Watches for what the ops that still wait want: a level-triggered poller would go on reporting
 * what nobody waits for. It never adds a descriptor to a poller that needs memory for it, so it
 * cannot fail. After so many ops on one descriptor it lets it be: ending them one by one must not
 * take time with the square of their number, and a report that nobody waits for looks again. */
static void watch_rest(struct ready *ready, int fd, struct descriptor *row, uint32_t walk_max)
{
    if (row->interest & READY_EDGE)
        return;
    uint32_t wanted = 0;
    for (const struct hark_op *op = row->ops; op && wanted != row->interest; op = op->next) {
        if (walk_max-- == 0)
            return;
        if (is_for_events(op))
            wanted |= watchable(ready, row, ready_events_of(op));
    }
    (void)watch(ready, fd, row, wanted);
}

/* Data was read: hang-ups can be told from it again, by a poller that sees both as readability. */
static inline void watch_hangups_again(struct ready *ready, int fd)
{
    if (unlikely(!ready->poller->hangups))
        watch_rest(ready, fd, descriptors_row(&ready->loop->descriptors, fd), UINT32_MAX);
}

/* --- trying --- */

static void finish(struct hark_loop *loop, struct hark_op *op, int64_t result)
{
    if (unlikely(op->backend_bits & TRY_REPEATS) && result >= 0)
        op->marks |= HARK_MARK_MORE;
    loop_finish(loop, op, result);
}

static void try_or_wait(struct hark_loop *loop, struct hark_op *op, struct descriptor *row)
{
    struct ready *ready = ready_of(loop);
    int fd = op->fd;
    if (op->backend_bits & (row->ready | TRY_ALWAYS)) {
        if (op->code == HARK_OP_RECV_EACH)
            return loop_finish_late(loop, op);
        int64_t result = ready_attempt(loop, op, row);
        if (likely(result != WOULD_BLOCK)) {
            finish(loop, op, result);
            return watch_hangups_again(ready, fd);
        }
        if (op->marks & MARK_RECHECK)
            return;
        row = descriptors_row(&loop->descriptors, fd); /* the attempt may have moved it */
    }
    int error = watch_for(ready, row, op);
    if (error)
        finish(loop, op, error);
}

/* A datagram of no bytes, which is no end. */
static bool is_empty_datagram(struct hark_loop *loop, const struct hark_op *op)
{
    return descriptors_row(&loop->descriptors, op->fd)->kind == KIND_SOCKET &&
           !kernel_is_shut(calls_of(loop), op->fd);
}

/* hark_recv_each takes a buffer, so it receives only when it is called: one buffer then goes from
 * hand to hand, still in the cache. */
void ready_fulfil(struct hark_loop *loop, struct hark_op *op)
{
    struct descriptor *row = descriptors_row(&loop->descriptors, op->fd);
    op->state = OP_WAITING;
    int64_t result = ready_attempt(loop, op, row);
    if (result == WOULD_BLOCK) {
        int error = op->marks & MARK_STARVED ? 0 : watch_for(ready_of(loop), row, op);
        if (error)
            loop_call_final(loop, op, error);
    } else if (result > 0 || (result == 0 && is_empty_datagram(loop, op))) {
        op->state = OP_CALLING;
        watch_hangups_again(ready_of(loop), op->fd);
        loop_call_lent(loop, op, result);
        if (unlikely(op->marks & (MARK_CANCELLED | MARK_EXPIRED)))
            return op_continue(loop, op);
        op->state = OP_WAITING;
        try_or_wait(loop, op, descriptors_row(&loop->descriptors, op->fd));
    } else {
        loop_call_final(loop, op, result);
    }
}

/* What lies in the page cache is read at once: it cannot block. All else is the pool's. */
static void start_on_file(struct hark_loop *loop, struct hark_op *op)
{
    bool waits_for_disk = descriptors_row(&loop->descriptors, op->fd)->flags & DESCRIPTOR_BLOCKING;
    int64_t result = waits_for_disk ? WOULD_BLOCK : ready_read_cached(loop, op);
    if (result != WOULD_BLOCK)
        loop_finish_at_once(loop, op, result);
    else
        work_pool_submit(loop, op);
}

static void start_on_descriptor(struct hark_loop *loop, struct hark_op *op)
{
    struct descriptor *row = descriptors_row(&loop->descriptors, op->fd);
    if (unlikely(!(row->flags & DESCRIPTOR_KNOWN))) {
        int error = ready_look_up(loop, op->fd, row);
        if (error)
            return loop_finish(loop, op, error);
    }
    op->backend_bits = ready_bits_of(op);
    if (op->backend_bits & TRY_FILE && row->kind == KIND_FILE)
        return start_on_file(loop, op);
    if (unlikely(op->fd >= ready_of(loop)->poller->limit))
        return loop_finish(loop, op, -ERANGE);
    try_or_wait(loop, op, row);
}

static void make_socket(struct hark_loop *loop, struct hark_op *op)
{
    int type = op->with.socket.type;
    int fd = kernel_socket(calls_of(loop), op->with.socket.family, type, op->with.socket.protocol);
    type &= ~(SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0)
        ready_note_socket(
            loop, fd, ready_kind_of_socket(op->with.socket.family, type, op->with.socket.protocol));
    loop_finish_at_once(loop, op, fd);
}

static void shut_down(struct hark_loop *loop, struct hark_op *op)
{
    loop_finish_at_once(loop, op, kernel_shutdown(calls_of(loop), op->fd, op->with.io.flags));
}

void ready_start(struct hark_loop *loop, struct hark_op *op)
{
    switch ((enum hark_op_code)op->code) {
    case HARK_OP_NOP:
        return loop_finish_at_once(loop, op, 0);
    case HARK_OP_SOCKET:
        return make_socket(loop, op);
    case HARK_OP_SHUTDOWN:
        return shut_down(loop, op);
    case HARK_OP_ACCEPT:
    case HARK_OP_ACCEPT_EACH:
    case HARK_OP_CONNECT:
    case HARK_OP_RECV:
    case HARK_OP_RECV_EACH:
    case HARK_OP_SEND:
    case HARK_OP_RECVMSG:
    case HARK_OP_SENDMSG:
    case HARK_OP_POLL:
    case HARK_OP_POLL_EACH:
    case HARK_OP_READ:
    case HARK_OP_WRITE:
    case HARK_OP_READV:
    case HARK_OP_WRITEV:
        return start_on_descriptor(loop, op);
    case HARK_OP_OPENAT:
    case HARK_OP_FSYNC:
    case HARK_OP_FDATASYNC:
    case HARK_OP_FTRUNCATE:
    case HARK_OP_FALLOCATE:
    case HARK_OP_STATX:
    case HARK_OP_RENAMEAT:
    case HARK_OP_UNLINKAT:
    case HARK_OP_MKDIRAT:
    case HARK_OP_GETDENTS:
    case HARK_OP_COPY_FILE_RANGE:
        return work_pool_submit(loop, op);
    case HARK_OP_DEFER:
    case HARK_OP_SLEEP:
    case HARK_OP_EVERY:
    case HARK_OP_POST:
    case HARK_OP_WORK:
    case HARK_OP_SIGNAL_EACH:
    case HARK_OP_CLOSE:
    case HARK_OP_DETACH:
        break;
    }
    check(false); /* these the core keeps for itself */
}

void ready_recheck(struct hark_loop *loop, struct hark_op *op)
{
    op->marks |= MARK_RECHECK;
    op_queue_push(&ready_of(loop)->recheck, op);
}

/* Level-triggered, the next wait says whether its events still hold. Where it is told once, or
 * where an event cannot be told apart from others, the kernel is asked. */
static void poll_again(struct hark_loop *loop, struct hark_op *op, struct descriptor *row)
{
    struct ready *ready = ready_of(loop);
    bool is_told = ready->poller->hangups && !(row->interest & READY_EDGE);
    if (!is_told || watch_for(ready, row, op) != 0)
        ready_recheck(loop, op);
}

void ready_again(struct hark_loop *loop, struct hark_op *op)
{
    struct descriptor *row = descriptors_row(&loop->descriptors, op->fd);
    if (op->code == HARK_OP_POLL_EACH)
        poll_again(loop, op, row);
    else
        try_or_wait(loop, op, row);
}

/* --- what comes from elsewhere --- */

static uint16_t ready_from(uint32_t events)
{
    if (events & (READY_ERR | READY_HUP))
        events |= READY_ALL;
    else if (events & READY_RDHUP)
        events |= READY_IN;
    return (uint16_t)events;
}

/* What a report says to an op that only polls: it need not be asked for again, unless other ops of
 * the row have been tried since, or the poller cannot tell hang-ups apart. 0: ask. */
static int64_t told_by_report(const struct ready *ready, const struct hark_op *op, uint32_t events,
                              bool tried)
{
    bool polls = op->code == HARK_OP_POLL || op->code == HARK_OP_POLL_EACH;
    if (!polls || tried || !ready->poller->hangups || (events & READY_ERR && !ready->poller->edge))
        return 0; /* poll(2) calls a closed number an error */
    return events & (op->with.poll.events | READY_ERR | READY_HUP);
}

void ready_report(struct ready *ready, int fd, uint32_t events)
{
    struct hark_loop *loop = ready->loop;
    struct descriptor *row = descriptors_find(&loop->descriptors, fd);
    if (!row)
        return;
    row->ready |= ready_from(events);
    row->seen |= (uint16_t)(events & (READY_PRI | READY_RDHUP | READY_HUP | READY_ERR));
    uint32_t matching = ready_from(events);
    if (!ready->poller->hangups && events & READY_IN)
        matching |= READY_RDHUP | READY_HUP | READY_ERR;
    bool tried = false;
    bool awaited = false;
    for (struct hark_op *op = row->ops; op; op = op->next) {
        if (!(matching & ready_events_of(op)))
            continue;
        awaited = true;
        if (!waits_for_events(op))
            continue;
        if (op->code == HARK_OP_RECV_EACH) {
            loop_finish_late(loop, op);
            continue;
        }
        int64_t result = told_by_report(ready, op, events, tried);
        if (result)
            op_returned(loop, op, result);
        if (result == 0) {
            result = ready_attempt(loop, op, row);
            tried = true;
        }
        row = descriptors_row(&loop->descriptors, fd);
        if (result != WOULD_BLOCK)
            finish(loop, op, result);
        else if (!ready->poller->hangups && !(ready_events_of(op) & READY_IN))
            row->seen |= READY_IN; /* see watchable() */
    }
    /* epoll keeps what is watched until it is reported to nobody: who polls once most often does so
     * again. */
    if (!ready->poller->edge || !awaited)
        watch_rest(ready, fd, row, UINT32_MAX);
}

void ready_cancel(struct hark_loop *loop, struct hark_op *op)
{
    struct ready *ready = ready_of(loop);
    if (op->marks & MARK_STARVED)
        op_queue_remove(&loop->buffers.starved, op);
    if (op->marks & MARK_RECHECK)
        op_queue_remove(&ready->recheck, op);
    op->marks &= (uint16_t) ~(MARK_STARVED | MARK_RECHECK);
    bool in_part = (op->code == HARK_OP_RECV || op->code == HARK_OP_SEND) && op->with.io.offset > 0;
    loop_finish(loop, op, in_part ? op->with.io.offset : -ECANCELED);
    watch_rest(ready, op->fd, descriptors_row(&loop->descriptors, op->fd), WALK_MAX);
}

static void try_starved(struct hark_loop *loop)
{
    struct hark_op *op;
    uint32_t left = loop->buffers.free;
    while ((op = buffers_next_starved(&loop->buffers, &left))) {
        op->marks &= (uint16_t)~MARK_STARVED;
        try_or_wait(loop, op, descriptors_row(&loop->descriptors, op->fd));
    }
}

int ready_wait(struct hark_loop *loop, uint64_t timeout_ns)
{
    struct ready *ready = ready_of(loop);
    if (unlikely(loop->buffers.starved.first))
        try_starved(loop);
    struct op_queue recheck = ready->recheck;
    ready->recheck.first = NULL;
    struct hark_op *op;
    while ((op = op_queue_pop(&recheck))) {
        op->marks &= (uint16_t)~MARK_RECHECK;
        try_or_wait(loop, op, descriptors_row(&loop->descriptors, op->fd));
    }
    loop->metrics.waits++;
    loop->submissions++;
    loop->looks_again = ready->recheck.first;
    bool goes_on = loop->finished.first || loop->late.first || loop->looks_again ||
                   buffers_can_feed(&loop->buffers);
    return ready->poller->wait(ready, goes_on ? 0 : timeout_ns);
}

void ready_forget(struct hark_loop *loop, int fd)
{
    struct ready *ready = ready_of(loop);
    struct descriptor *row = descriptors_find(&loop->descriptors, fd);
    if (!row || !(row->flags & DESCRIPTOR_WATCHED))
        return;
    (void)ready->poller->watch(ready, fd, row->interest, 0);
    row->interest = 0;
    row->flags = (uint8_t)(row->flags & ~DESCRIPTOR_WATCHED);
}

void ready_close(struct hark_loop *loop, struct hark_op *op)
{
    struct descriptor unknown = {0};
    struct descriptor *row = descriptors_find(&loop->descriptors, op->fd);
    if (!row)
        row = &unknown;
    if (!(row->flags & DESCRIPTOR_KNOWN))
        (void)ready_look_up(loop, op->fd,
                            row); /* where it fails: closed all the same, and the close says why */
    if (row->kind == KIND_FILE && work_pool_try(loop, op) == 0)
        return; /* without a thread it is closed here: better late than never */
    /* Before the close: where a copy of the descriptor lives on, a registration would too. */
    ready_forget(loop, op->fd);
    loop_finish_at_once(loop, op, kernel_close(calls_of(loop), op->fd));
}

/* --- making --- */

int ready_create(struct hark_loop *loop, const struct ready_poller *poller, char *out_reason,
                 size_t reason_room)
{
    struct ready *ready = calloc(1, sizeof *ready);
    if (!ready)
        return -ENOMEM;
    *ready = (struct ready){.loop = loop, .poller = poller};
    int error = poller->create(ready, loop->wake_fd);
    if (error) {
        snprintf(out_reason, reason_room, "%s: %s", loop->backend->name, hark_error_name(error));
        free(ready);
        return error;
    }
    loop->backend_state = ready;
    return 0;
}

void ready_destroy(struct hark_loop *loop)
{
    struct ready *ready = ready_of(loop);
    ready->poller->destroy(ready);
    free(ready);
}
