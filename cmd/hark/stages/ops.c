/* ops.c - joins events to ops, by loop and id.
 *
 * A repeating op has a life for each of its calls: the next begins where the callback of the one
 * before has returned. What must hold: an op is in the hash while events of it may come, that is,
 * until it is handed on, or until the next life has taken its place there; and it is in one of the
 * lists, of those in flight or of those that have ended.
 *
 * Where events were lost, whatever was in flight on that loop is forgotten: what comes of it later
 * counts as asked for before the trace began. */
#include "stages/ops.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A loop, and what its next events are about. */
struct ops_loop {
    struct trace_loop loop; /* the first: ops point at it */
    struct ops_loop *next;
    struct list flight;
    struct list queued; /* in io_uring's queue */
    uint64_t sleep_ns;  /* 0: it is not in its wait */
    uint64_t sleep_for_ns;
    uint64_t woke_ns;
};

struct trace_ops {
    struct trace_ops_receiver receiver;
    struct trace_op **buckets;
    struct trace_op **known_buckets; /* as many, by known_as */
    size_t bucket_count;             /* a power of two */
    size_t count;                    /* ops that are remembered */
    struct list ended;
    struct ops_loop *loops;
    struct trace_ops_losses losses;
};

enum { BUCKETS_FIRST = 4096 };

static struct ops_loop *loop_of(const struct trace_op *op)
{
    return (struct ops_loop *)(void *)op->loop;
}

/* --- the hash --- */

static struct trace_op **bucket_of(const struct trace_ops *ops, const struct trace_loop *loop,
                                   uint64_t id)
{
    uint64_t key = (id ^ (uint64_t)(uintptr_t)loop >> 4) * 0x9e3779b97f4a7c15u;
    return &ops->buckets[key >> 32 & (ops->bucket_count - 1)];
}

static struct trace_op *find(const struct trace_ops *ops, const struct trace_loop *loop,
                             uint64_t id)
{
    struct trace_op *op = *bucket_of(ops, loop, id);
    while (op && (op->id != id || op->loop != loop))
        op = op->chain;
    return op;
}

static void enter(struct trace_ops *ops, struct trace_op *op)
{
    struct trace_op **bucket = bucket_of(ops, op->loop, op->id);
    op->chain = *bucket;
    *bucket = op;
}

/* One that is not in it stays as it is. */
static void leave(struct trace_ops *ops, struct trace_op *op)
{
    struct trace_op **at = bucket_of(ops, op->loop, op->id);
    while (*at && *at != op)
        at = &(*at)->chain;
    if (*at)
        *at = op->chain;
    op->chain = NULL;
}

static struct trace_op **known_bucket_of(const struct trace_ops *ops, uint64_t known_as)
{
    return &ops->known_buckets[known_as * 0x9e3779b97f4a7c15u >> 32 & (ops->bucket_count - 1)];
}

static void enter_known(struct trace_ops *ops, struct trace_op *op)
{
    struct trace_op **bucket = known_bucket_of(ops, op->known_as);
    op->known_chain = *bucket;
    *bucket = op;
}

/* One that is not in it stays as it is. */
static void leave_known(struct trace_ops *ops, struct trace_op *op)
{
    struct trace_op **at = known_bucket_of(ops, op->known_as);
    while (*at && *at != op)
        at = &(*at)->known_chain;
    if (*at)
        *at = op->known_chain;
    op->known_chain = NULL;
}

struct trace_op *trace_ops_find_known(const struct trace_ops *ops, uint32_t pid, uint64_t known_as,
                                      uint64_t time_ns)
{
    struct trace_op *op = *known_bucket_of(ops, known_as);
    while (op && (op->known_as != known_as || op->loop->pid != pid || op->request_ns > time_ns ||
                  (op->called_ns && op->called_ns < time_ns)))
        op = op->known_chain;
    return op;
}

/* Without memory the chains only become longer. */
static void grow(struct trace_ops *ops)
{
    struct trace_op **former = ops->buckets, **former_known = ops->known_buckets;
    size_t count = ops->bucket_count;
    struct trace_op **buckets = calloc(2 * count, sizeof(struct trace_op *));
    struct trace_op **known_buckets = calloc(2 * count, sizeof(struct trace_op *));
    if (!buckets || !known_buckets) {
        free(buckets);
        free(known_buckets);
        return;
    }
    ops->buckets = buckets;
    ops->known_buckets = known_buckets;
    ops->bucket_count = 2 * count;
    for (size_t i = 0; i < count; i++) {
        for (struct trace_op *op = former[i], *next; op; op = next) {
            next = op->chain;
            enter(ops, op);
        }
        for (struct trace_op *op = former_known[i], *next; op; op = next) {
            next = op->known_chain;
            enter_known(ops, op);
        }
    }
    free(former);
    free(former_known);
}

/* --- lives --- */

/* What is no descriptor, as AT_FDCWD, is none. */
static int32_t fd_of(const struct hark_trace_event *event)
{
    return event->flags & HARK_TRACE_TRIED || event->fd < 0 ? -1 : event->fd;
}

static struct trace_op *begin(struct trace_ops *ops, struct ops_loop *loop, uint64_t id,
                              const struct hark_trace_event *event)
{
    struct trace_op *op = ops->count < TRACE_OPS_MAX ? calloc(1, sizeof *op) : NULL;
    if (!op) {
        ops->losses.left_out++;
        return NULL;
    }
    if (++ops->count > ops->bucket_count)
        grow(ops);
    op->id = id;
    op->loop = &loop->loop;
    op->kind = event->kind;
    op->fd = fd_of(event);
    list_init(&op->queue);
    list_append(&loop->flight, &op->place);
    enter(ops, op);
    return op;
}

static void forget(struct trace_ops *ops, struct trace_op *op)
{
    leave(ops, op);
    leave_known(ops, op);
    list_remove(&op->place);
    list_remove(&op->queue);
    trace_op_done(op);
    free(op);
    ops->count--;
}

static void forget_flight(struct trace_ops *ops, struct ops_loop *loop)
{
    struct list *at = loop->flight.next;
    while (at != &loop->flight) {
        struct trace_op *op = hark_container_of(at, struct trace_op, place);
        at = at->next;
        forget(ops, op);
        ops->losses.forgotten++;
    }
    loop->sleep_ns = 0;
}

/* The op of an event that is not its first. */
static struct trace_op *known(struct trace_ops *ops, struct ops_loop *loop,
                              const struct hark_trace_event *event)
{
    struct trace_op *op = find(ops, &loop->loop, event->op);
    if (!op) {
        op = begin(ops, loop, event->op, event);
        if (op)
            op->flags |= TRACE_OP_UNSEEN;
    }
    return op;
}

/* --- stages --- */

static void take_request(struct trace_ops *ops, struct ops_loop *loop,
                         const struct hark_trace_event *event)
{
    struct trace_op *op = begin(ops, loop, event->op, event);
    uint64_t asking = (uint64_t)event->value;
    if (!op)
        return;
    op->request_ns = event->time_ns;
    if (asking == 0)
        return;
    const struct trace_op *parent = find(ops, &loop->loop, asking);
    op->ancestors[0] = (struct trace_ancestor){.id = asking, .fd = -1, .kind = UINT8_MAX};
    if (!parent)
        return;
    op->ancestors[0].fd = parent->fd;
    op->ancestors[0].kind = parent->kind;
    for (size_t i = 1; i < TRACE_ANCESTORS; i++)
        op->ancestors[i] = parent->ancestors[i - 1];
}

/* Whether what is handed on stands in io_uring's queue until the loop waits. */
static bool is_queued(const struct ops_loop *loop, int kind)
{
    if (loop->loop.backend != HARK_BACKEND_URING)
        return false;
    switch (kind) {
    case HARK_OP_DEFER:
    case HARK_OP_SLEEP:
    case HARK_OP_EVERY:
    case HARK_OP_POST:
    case HARK_OP_WORK:
    case HARK_OP_SIGNAL_EACH:
        return false;
    default:
        return true;
    }
}

static void count_try(struct trace_op *op)
{
    if (op->tries < UINT16_MAX)
        op->tries++;
}

static void take_delegate(struct trace_ops *ops, struct ops_loop *loop, struct trace_op *op,
                          const struct hark_trace_event *event)
{
    if (op->kind == HARK_OP_SLEEP || op->kind == HARK_OP_EVERY) {
        op->due_ns = (uint64_t)event->value;
    } else if (op->known_as == 0) {
        op->known_as = (uint64_t)event->value;
        enter_known(ops, op);
    }
    count_try(op);
    if (op->tries > 1 || op->flags & (TRACE_OP_AGAIN | TRACE_OP_UNSEEN))
        return;
    op->queued_ns = op->delegated_ns = event->time_ns;
    if (is_queued(loop, op->kind))
        list_append(&loop->queued, &op->queue);
}

/* A call that the loop has made itself: its first hands the op on. */
static void take_tried(struct trace_op *op, const struct hark_trace_event *event)
{
    op->fetch_ns = event->time_ns - event->took_ns;
    op->fetched_ns = event->time_ns;
    if (op->queued_ns == 0 && !(op->flags & TRACE_OP_UNSEEN))
        op->queued_ns = op->delegated_ns = op->fetch_ns;
    count_try(op);
}

static void take_return(struct ops_loop *loop, struct trace_op *op,
                        const struct hark_trace_event *event)
{
    if (event->flags & HARK_TRACE_TRIED)
        take_tried(op, event);
    if (event->flags & HARK_TRACE_TRIED && event->value == -EAGAIN)
        return; /* it waits; should that be its result all the same, its callback says so */
    list_remove(&op->queue);
    op->flags |= TRACE_OP_RETURNED;
    op->returned_ns = event->time_ns;
    op->woke_ns = loop->woke_ns >= op->delegated_ns ? loop->woke_ns : 0;
}

static void take_call(struct ops_loop *loop, struct trace_op *op,
                      const struct hark_trace_event *event)
{
    if (event->flags & HARK_TRACE_RETURNED)
        take_return(loop, op, event);
    list_remove(&op->queue);
    op->call_ns = event->time_ns;
    op->result = event->value;
    op->fd = fd_of(event);
    if (op->result == -EAGAIN && op->returned_ns == 0)
        op->returned_ns = op->fetched_ns;
    op->flags |= event->flags & HARK_TRACE_MORE ? TRACE_OP_MORE : 0;
    /* Its result was there already, together with the one of the call before. */
    if (op->flags & TRACE_OP_AGAIN && op->flags & TRACE_OP_MORE && !(op->flags & TRACE_OP_RETURNED))
        op->returned_ns = op->request_ns;
    loop->loop.callbacks++;
}

static void begin_again(struct trace_ops *ops, struct ops_loop *loop, struct trace_op *before,
                        const struct hark_trace_event *event)
{
    leave(ops, before);
    struct trace_op *op = begin(ops, loop, before->id, event);
    if (!op)
        return;
    op->flags = TRACE_OP_AGAIN;
    op->request_ns = op->queued_ns = op->delegated_ns = event->time_ns;
    op->known_as = before->known_as;
    if (op->known_as != 0)
        enter_known(ops, op);
    memcpy(op->ancestors, before->ancestors, sizeof op->ancestors);
}

static void take_called(struct trace_ops *ops, struct ops_loop *loop, struct trace_op *op,
                        const struct hark_trace_event *event)
{
    op->called_ns = event->time_ns;
    if (op->call_ns != 0)
        loop->loop.callbacks_ns += op->called_ns - op->call_ns;
    list_remove(&op->place);
    list_append(&ops->ended, &op->place);
    if (op->flags & TRACE_OP_MORE)
        begin_again(ops, loop, op, event);
}

/* All that stands in the queue goes to the kernel with this wait. */
static void take_sleep(struct ops_loop *loop, const struct hark_trace_event *event)
{
    loop->loop.turns++;
    loop->sleep_ns = event->time_ns;
    loop->sleep_for_ns = (uint64_t)event->value;
    while (!list_empty(&loop->queued)) {
        struct trace_op *op = hark_container_of(loop->queued.next, struct trace_op, queue);
        list_remove(&op->queue);
        op->flags |= TRACE_OP_QUEUED;
        op->delegated_ns = event->time_ns;
    }
}

static void take_wake(struct trace_ops *ops, struct ops_loop *loop,
                      const struct hark_trace_event *event)
{
    loop->woke_ns = event->time_ns;
    if (loop->sleep_ns == 0)
        return;
    if (loop->sleep_for_ns != 0)
        loop->loop.asleep_ns += event->time_ns - loop->sleep_ns;
    if (ops->receiver.waited)
        ops->receiver.waited(ops->receiver.context, &loop->loop, loop->sleep_ns, event->time_ns,
                             loop->sleep_for_ns);
    loop->sleep_ns = 0;
}

static void take_of_op(struct trace_ops *ops, struct ops_loop *loop,
                       const struct hark_trace_event *event)
{
    struct trace_op *op = known(ops, loop, event);
    if (!op)
        return;
    bool is_called = event->what == HARK_TRACE_CALLED;
    if (op->called_ns != 0 || (op->call_ns != 0 && !is_called)) {
        ops->losses.odd++;
        return;
    }
    switch (event->what) {
    case HARK_TRACE_DELEGATE:
        return take_delegate(ops, loop, op, event);
    case HARK_TRACE_RETURN:
        return take_return(loop, op, event);
    case HARK_TRACE_CALL:
        return take_call(loop, op, event);
    default:
        return take_called(ops, loop, op, event);
    }
}

static void take_of_loop(struct trace_ops *ops, struct ops_loop *loop,
                         const struct hark_trace_event *event)
{
    switch (event->what) {
    case HARK_TRACE_SLEEP:
        return take_sleep(loop, event);
    case HARK_TRACE_WAKE:
        return take_wake(ops, loop, event);
    case HARK_TRACE_REQUEST:
        return take_request(ops, loop, event);
    case HARK_TRACE_DELEGATE:
    case HARK_TRACE_RETURN:
    case HARK_TRACE_CALL:
    case HARK_TRACE_CALLED:
        return take_of_op(ops, loop, event);
    default:
        ops->losses.odd++;
    }
}

static void take_of_pool(struct trace_ops *ops, struct ops_loop *loop,
                         const struct hark_trace_event *event)
{
    struct trace_op *op = find(ops, &loop->loop, event->op);
    if (!op)
        return; /* its beginning was not seen, or was lost */
    if (event->what == HARK_TRACE_PERFORM) {
        op->flags = (uint8_t)((op->flags | TRACE_OP_POOL) & ~TRACE_OP_QUEUED);
        op->delegated_ns = op->queued_ns;
        op->performed_ns = event->time_ns;
        op->thread = (uint32_t)event->value;
        list_remove(&op->queue);
    } else if (event->what == HARK_TRACE_RETURN) {
        op->done_ns = event->time_ns;
    } else {
        ops->losses.odd++;
    }
}

/* --- loops --- */

static struct ops_loop *make_loop(struct trace_ops *ops, const struct hark_trace_ring *ring)
{
    struct ops_loop *loop = calloc(1, sizeof *loop);
    if (!loop)
        return NULL;
    loop->loop.pid = ring->pid;
    loop->loop.number = ring->loop;
    loop->loop.backend = (enum hark_backend_kind)ring->backend;
    loop->loop.started_ns = ring->started_ns;
    snprintf(loop->loop.process, sizeof loop->loop.process, "%.*s", (int)sizeof ring->process,
             ring->process);
    list_init(&loop->flight);
    list_init(&loop->queued);
    struct ops_loop **at = &ops->loops;
    while (*at)
        at = &(*at)->next;
    *at = loop;
    return loop;
}

static void note(struct trace_loop *loop, const struct hark_trace_event *events, size_t count)
{
    loop->events += count;
    if (count == 0)
        return;
    if (loop->first_ns == 0)
        loop->first_ns = events[0].time_ns;
    if (events[count - 1].time_ns > loop->last_ns)
        loop->last_ns = events[count - 1].time_ns;
}

void trace_ops_take(void *context, void **reader, const struct hark_trace_ring *ring,
                    const struct hark_trace_event *events, size_t count, uint64_t lost)
{
    struct trace_ops *ops = context;
    struct ops_loop *loop = *reader;
    if (!loop)
        *reader = loop = make_loop(ops, ring);
    if (!loop) {
        ops->losses.left_out += count;
        return;
    }
    loop->loop.thread = ring->thread;
    loop->loop.lost += lost;
    note(&loop->loop, events, count);
    if (lost != 0 && !ring->is_pool)
        forget_flight(ops, loop);
    for (size_t i = 0; i < count; i++)
        if (ring->is_pool)
            take_of_pool(ops, loop, &events[i]);
        else
            take_of_loop(ops, loop, &events[i]);
}

/* --- out --- */

void trace_ops_settle(struct trace_ops *ops, uint64_t until_ns)
{
    struct list *at = ops->ended.next;
    while (at != &ops->ended) {
        struct trace_op *op = hark_container_of(at, struct trace_op, place);
        at = at->next;
        if (op->called_ns > until_ns)
            continue;
        if (ops->receiver.ended)
            ops->receiver.ended(ops->receiver.context, op);
        forget(ops, op);
    }
}

static struct trace_op *op_at(const struct list *place, const struct list *head)
{
    return place == head ? NULL : hark_container_of(place, struct trace_op, place);
}

struct trace_op *trace_ops_next_in_flight(const struct trace_ops *ops, const struct trace_op *op)
{
    const struct ops_loop *loop = op ? loop_of(op) : ops->loops;
    struct trace_op *found = NULL;
    if (op)
        found = op_at(op->place.next, &loop->flight);
    else if (loop)
        found = op_at(loop->flight.next, &loop->flight);
    while (!found && loop && (loop = loop->next))
        found = op_at(loop->flight.next, &loop->flight);
    return found;
}

struct trace_op *trace_ops_next_ended(const struct trace_ops *ops, const struct trace_op *op)
{
    return op_at(op ? op->place.next : ops->ended.next, &ops->ended);
}

const struct trace_loop *trace_ops_loop(const struct trace_ops *ops, size_t number)
{
    const struct ops_loop *loop = ops->loops;
    while (loop && number-- > 0)
        loop = loop->next;
    return loop ? &loop->loop : NULL;
}

const struct trace_ops_losses *trace_ops_losses(const struct trace_ops *ops)
{
    return &ops->losses;
}

int trace_ops_create(const struct trace_ops_receiver *receiver, struct trace_ops **out_ops)
{
    struct trace_ops *ops = calloc(1, sizeof *ops);
    if (!ops)
        return -ENOMEM;
    ops->receiver = *receiver;
    ops->bucket_count = BUCKETS_FIRST;
    list_init(&ops->ended);
    ops->buckets = calloc(ops->bucket_count, sizeof(struct trace_op *));
    ops->known_buckets = calloc(ops->bucket_count, sizeof(struct trace_op *));
    if (!ops->buckets || !ops->known_buckets) {
        free(ops->buckets);
        free(ops->known_buckets);
        free(ops);
        return -ENOMEM;
    }
    *out_ops = ops;
    return 0;
}

void trace_ops_destroy(struct trace_ops *ops)
{
    if (!ops)
        return;
    ops->receiver = (struct trace_ops_receiver){0};
    trace_ops_settle(ops, UINT64_MAX);
    while (ops->loops) {
        struct ops_loop *loop = ops->loops;
        forget_flight(ops, loop);
        ops->loops = loop->next;
        free(loop);
    }
    free(ops->buckets);
    free(ops->known_buckets);
    free(ops);
}
