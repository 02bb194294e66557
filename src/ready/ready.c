/* ready.c - the completion engine: ops are tried, wait in their rows, and are tried again when the
 * poller reports. Here alone an op of a readiness backend is moved: where to, the attempt says.
 *
 * What must hold: an op in state OP_WAITING stands in its row and, under a level-triggered poller,
 * is watched for. No callback is ever called from here but from ready_fulfil. */
#include "ready/ready.h"
#include "core/call.h"
#include "core/op_kinds.h"
#include "core/pair.h"
#include "core/unblocked.h"
#include "core/work_pool.h"
#include "ready/attempt.h"
#include "ready/kind.h"

#include <stdio.h>
#include <stdlib.h>

/* --- watching --- */

/* Also a repeating poll that is being told of its events: it waits again right after. */
static bool is_for_events(const struct hark_op *op)
{
    if (op->code != HARK_OP_POLL_EACH || op->state == OP_WAITING)
        return op->state == OP_WAITING;
    bool goes_on =
        op->state == OP_CALLING || (op->state == OP_FINISHED && op->marks & HARK_MARK_MORE);
    return goes_on && !(op->marks & (MARK_CANCELLED | MARK_EXPIRED));
}

static int set_watch(struct ready *ready, int fd, uint32_t before, uint32_t events)
{
    if (likely(ready->poller->edge || !((before | events) & READY_EDGE)))
        return ready->poller->watch(ready, fd, before, events);
    return edges_watch(ready, fd, before, events);
}

static int watch(struct ready *ready, int fd, struct descriptor *row, uint32_t wanted)
{
    if (wanted == row->interest)
        return 0;
    int error = set_watch(ready, fd, row->interest, wanted);
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
    return level ? row->interest | attempt_events_of(op) : (uint32_t)(READY_ALL | READY_EDGE);
}

/* Level-triggered, of one that was an error once and is waited for again: it may be one for ever.
 * Gives: false: nothing has changed. */
static bool watch_for_edges(struct ready *ready, int fd, struct descriptor *row)
{
    return row->interest & READY_EDGE || watch(ready, fd, row, READY_ALL | READY_EDGE) == 0;
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
    if (unlikely(row->seen & READY_ERR) && watch_for_edges(ready, op->fd, row))
        return 0;
    return watch(ready, op->fd, row, row->interest | attempt_events_of(op));
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
            wanted |= attempt_events_of(op);
    }
    if (unlikely(row->seen & READY_ERR) && !ready->poller->edge && wanted != 0 &&
        watch_for_edges(ready, fd, row))
        return;
    (void)watch(ready, fd, row, wanted);
}

/* --- trying --- */

static void finish(struct hark_loop *loop, struct hark_op *op, int64_t result)
{
    if (unlikely(op->backend_bits & TRY_REPEATS) && result >= 0)
        op->marks |= HARK_MARK_MORE;
    loop_finish(loop, op, result);
}

static inline void wait_for_events(struct hark_loop *loop, struct hark_op *op,
                                   struct descriptor *row)
{
    int error = watch_for(ready_of(loop), row, op);
    if (error)
        loop_finish(loop, op, error);
}

/* Where an op goes that has been tried and has no result. */
static __attribute__((noinline)) void go_on(struct hark_loop *loop, struct hark_op *op,
                                            enum attempt_outcome outcome)
{
    if (outcome == ATTEMPT_NO_BUFFER)
        return loop_starve(loop, op);
    if (outcome == ATTEMPT_SHARE_USED)
        return loop_next_turn(loop, op);
    op_waits(loop, op);
    wait_for_events(loop, op, descriptors_row(&loop->descriptors, op->fd));
}

void ready_wait_at(struct hark_loop *loop, struct hark_op *op)
{
    go_on(loop, op, ATTEMPT_BLOCKED);
}

static void try_or_wait(struct hark_loop *loop, struct hark_op *op, struct descriptor *row)
{
    struct attempt attempt = {.outcome = ATTEMPT_BLOCKED};
    if (op->backend_bits & (row->ready | TRY_ALWAYS)) {
        if (op->backend_bits & TRY_LATE)
            return loop_finish_late(loop, op);
        attempt = attempt_call(loop, op, row);
    }
    if (likely(attempt.outcome == ATTEMPT_RESULT))
        finish(loop, op, attempt.result);
    else
        go_on(loop, op, attempt.outcome);
}

/* There is nothing after all: it may be an error that nobody has told of, and that stays. */
static void note_error(struct hark_loop *loop, const struct hark_op *op, struct descriptor *row,
                       enum attempt_outcome outcome)
{
    if (ready_of(loop)->poller->tells_errors || outcome != ATTEMPT_BLOCKED)
        return;
    int64_t events = kernel_poll_now(calls_of(loop), op->fd, 0);
    row->seen |= events > 0 ? (uint16_t)(events & READY_ERR) : 0;
}

/* A datagram of no bytes, which is no end. */
static bool is_empty_datagram(struct hark_loop *loop, const struct hark_op *op)
{
    if (op->code == HARK_OP_RECVMSG_EACH)
        return op->with.io.buffer != 0;
    return descriptors_row(&loop->descriptors, op->fd)->kind == KIND_SOCKET &&
           !kernel_is_shut(calls_of(loop), op->fd);
}

/* hark_recv_each and hark_recvmsg_each take a buffer, so they receive only when they are called:
 * one buffer then goes from hand to hand, still in the cache. */
static void receive_and_call(struct hark_loop *loop, struct hark_op *op)
{
    struct descriptor *row = descriptors_row(&loop->descriptors, op->fd);
    struct attempt attempt = attempt_call(loop, op, row);
    int64_t result = attempt.result;
    if (unlikely(attempt.outcome != ATTEMPT_RESULT)) {
        note_error(loop, op, row, attempt.outcome);
        return go_on(loop, op, attempt.outcome);
    }
    if (unlikely(result < 0 || (result == 0 && !is_empty_datagram(loop, op))))
        return call_final(loop, op, result);
    op->state = OP_CALLING;
    call_lent(loop, op, result);
    if (unlikely(op->marks & (MARK_CANCELLED | MARK_EXPIRED)))
        return call_continue(loop, op);
    op->state = OP_WAITING;
    row = descriptors_row(&loop->descriptors, op->fd); /* they may have moved */
    if (op->backend_bits & (row->ready | TRY_ALWAYS))
        loop_finish_late(loop, op);
    else
        wait_for_events(loop, op, row);
}

void ready_fulfil(struct hark_loop *loop, struct hark_op *op)
{
    op->state = OP_WAITING;
    if (likely(op->backend_bits & TRY_LATE))
        receive_and_call(loop, op);
    else if (op->code == HARK_OP_SPLICE)
        pair_go_on(loop, op);
    else
        try_or_wait(loop, op, descriptors_row(&loop->descriptors, op->fd));
}

/* What lies in the page cache is read at once: it cannot block. All else is the pool's. */
static void start_on_file(struct hark_loop *loop, struct hark_op *op)
{
    struct attempt attempt = {.outcome = ATTEMPT_BLOCKED};
    if (!(descriptors_row(&loop->descriptors, op->fd)->flags & DESCRIPTOR_BLOCKING))
        attempt = attempt_cached(loop, op);
    if (attempt.outcome == ATTEMPT_RESULT)
        loop_finish(loop, op, attempt.result);
    else
        work_pool_submit(loop, op);
}

static void start_on_descriptor(struct hark_loop *loop, struct hark_op *op)
{
    struct descriptor *row = descriptors_row(&loop->descriptors, op->fd);
    if (unlikely(!(row->flags & DESCRIPTOR_KNOWN))) {
        int error = kind_look_up(loop, op->fd, row);
        if (error)
            return loop_finish(loop, op, error);
    }
    op->backend_bits = attempt_bits_of(op);
    if (op->backend_bits & TRY_FILE && row->kind == KIND_FILE)
        return start_on_file(loop, op);
    if (unlikely(op->fd >= ready_of(loop)->poller->limit))
        return loop_finish(loop, op, -ERANGE);
    try_or_wait(loop, op, row);
}

void ready_start(struct hark_loop *loop, struct hark_op *op)
{
    switch ((enum op_way)op_kinds[op->code].way) {
    case WAY_EVENTS:
        return start_on_descriptor(loop, op);
    case WAY_AT_ONCE:
        return loop_finish(loop, op, attempt_at_once(loop, op));
    case WAY_POOL:
        return work_pool_submit(loop, op);
    case WAY_CORE:
        break;
    }
    check(false); /* these the core keeps for itself */
}

/* Level-triggered, the next wait says whether its events still hold. Where it is told once, the
 * kernel is asked in the next turn. */
static __attribute__((noinline)) void poll_again(struct hark_loop *loop, struct hark_op *op,
                                                 struct descriptor *row)
{
    if (row->interest & READY_EDGE || watch_for(ready_of(loop), row, op) != 0)
        loop_next_turn(loop, op);
}

void ready_again(struct hark_loop *loop, struct hark_op *op)
{
    struct descriptor *row = descriptors_row(&loop->descriptors, op->fd);
    if (op->code == HARK_OP_POLL_EACH)
        poll_again(loop, op, row);
    else
        try_or_wait(loop, op, row);
}

void ready_change(struct hark_loop *loop, struct hark_op *op)
{
    op->backend_bits = attempt_bits_of(op);
    if (op->state != OP_WAITING)
        return;
    struct descriptor *row = descriptors_row(&loop->descriptors, op->fd);
    watch_rest(ready_of(loop), op->fd, row, WALK_MAX);
    poll_again(loop, op, row);
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
 * the row have been tried since. 0: ask. */
static int64_t told_by_report(const struct ready *ready, const struct hark_op *op, uint32_t events,
                              bool tried)
{
    bool polls = op->code == HARK_OP_POLL || op->code == HARK_OP_POLL_EACH;
    if (!polls || tried || (events & READY_ERR && !ready->poller->edge))
        return 0; /* poll(2) calls a closed number an error */
    return events & (op->with.poll.events | READY_ERR | READY_HUP);
}

/* One of the events of an op has come: unless it was told to it, it is tried. */
static void try_reported(struct hark_loop *loop, struct hark_op *op, struct descriptor *row)
{
    struct attempt attempt = attempt_call(loop, op, row);
    if (likely(attempt.outcome == ATTEMPT_RESULT))
        finish(loop, op, attempt.result);
    else if (attempt.outcome == ATTEMPT_SHARE_USED)
        loop_next_turn(loop, op);
    else
        note_error(loop, op, row, attempt.outcome); /* it is watched for still */
}

void ready_report(struct ready *ready, int fd, uint32_t events)
{
    struct hark_loop *loop = ready->loop;
    struct descriptor *row = descriptors_find(&loop->descriptors, fd);
    if (!row)
        return;
    uint32_t matching = ready_from(events);
    row->ready |= (uint16_t)matching;
    row->seen |= (uint16_t)(events & (READY_PRI | READY_RDHUP | READY_HUP | READY_ERR));
    bool tried = false;
    bool awaited = false;
    for (struct hark_op *op = row->ops; op; op = op->next) {
        if (!(matching & attempt_events_of(op)))
            continue;
        awaited = true;
        if (op->state != OP_WAITING)
            continue;
        if (op->backend_bits & TRY_LATE) {
            loop_finish_late(loop, op);
            continue;
        }
        int64_t told = told_by_report(ready, op, events, tried);
        if (told) {
            op_returned(loop, op, told);
            finish(loop, op, told);
        } else {
            tried = true;
            try_reported(loop, op, row);
            row = descriptors_row(&loop->descriptors, fd);
        }
    }
    /* epoll keeps what is watched until it is reported to nobody: who polls once most often does so
     * again. */
    if (!ready->poller->edge || !awaited)
        watch_rest(ready, fd, row, UINT32_MAX);
}

void ready_cancel(struct hark_loop *loop, struct hark_op *op)
{
    int fd = op->fd;
    loop_finish(loop, op, loop_cancelled_result(op));
    watch_rest(ready_of(loop), fd, descriptors_row(&loop->descriptors, fd), WALK_MAX);
}

void ready_feed(struct hark_loop *loop)
{
    struct hark_op *op;
    uint32_t left = loop->buffers.free;
    while ((op = buffers_next_starved(&loop->buffers, &left))) {
        op->state = OP_WAITING;
        try_or_wait(loop, op, descriptors_row(&loop->descriptors, op->fd));
    }
}

int ready_wait(struct hark_loop *loop, uint64_t timeout_ns)
{
    struct ready *ready = ready_of(loop);
    loop->metrics.waits++;
    loop->submissions++;
    return ready->poller->wait(ready, timeout_ns);
}

void ready_forget(struct hark_loop *loop, int fd)
{
    struct ready *ready = ready_of(loop);
    struct descriptor *row = descriptors_find(&loop->descriptors, fd);
    if (!row || !(row->flags & DESCRIPTOR_WATCHED))
        return;
    (void)set_watch(ready, fd, row->interest, 0);
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
        (void)kind_look_up(loop, op->fd,
                           row); /* where it fails: closed all the same, and the close says why */
    if (row->kind == KIND_FILE && work_pool_try(loop, op) == 0)
        return; /* without a thread it is closed here: better late than never */
    /* Before the close: where a copy of the descriptor lives on, a registration would too. */
    ready_forget(loop, op->fd);
    loop_finish(loop, op, attempt_at_once(loop, op));
}

/* --- making --- */

int ready_create(struct hark_loop *loop, const struct ready_poller *poller, char *out_reason,
                 size_t reason_room)
{
    struct ready *ready = calloc(1, sizeof *ready);
    if (!ready)
        return -ENOMEM;
    *ready = (struct ready){.loop = loop, .poller = poller, .edges = EDGES_NONE};
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
    edges_close(ready);
    ready->poller->destroy(ready);
    free(ready);
}
