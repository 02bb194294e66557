/* join.c - from the kernel's events to the times of an op, and to what is known of it.
 *
 * What is looked at for the times of each op is kept until those are set: only then it is known
 * whether the op is shown, and so whether that is to be told in words. */
#include "trace/join.h"

#include <errno.h>
#include <stdlib.h>

#include "trace/join_blocks.h"
#include "trace/join_cpus.h"
#include "trace/join_facts.h"
#include "trace/join_requests.h"
#include "trace/join_wakes.h"

struct trace_join {
    struct trace_join_shown shown;
    struct join_cpus cpus;
    struct join_wakes wakes;
    struct join_blocks blocks;
    struct join_requests requests;
    struct join_devices devices;
    struct trace_join_counts counts;
};

/* An op while it is joined. */
struct joining {
    struct trace_join *join;
    struct trace_op *op;
    struct join_found found;
    uint64_t until_ns;  /* the loop has its result */
    uint64_t submit_ns; /* 0: not seen */
    uint64_t complete_ns;
    uint64_t issued_ns;      /* the first of its blocks */
    uint64_t done_ns;        /* the last of its blocks, or what it waits for has come */
    struct join_cause cause; /* of that */
    bool has_worker, has_wait, has_blocks, is_guess, is_missing;
    bool has_work; /* when the worker had it is known: by a simulated kernel */
};

void trace_join_take(void *context, const struct trace_kernel_event *event)
{
    struct trace_join *join = context;
    bool guess;
    join_cpus_take(&join->cpus, event);
    join_wakes_take(&join->wakes, event, &join->cpus);
    join_requests_take(&join->requests, event, &join->cpus);
    if (event->what == TRACE_KERNEL_BLOCK_QUEUE) {
        struct join_request *request = join_requests_asking(&join->requests, event, &guess);
        struct join_block *block =
            join_blocks_queue(&join->blocks, request ? &request->blocks : NULL, event);
        if (block)
            block->is_owner_guess = guess;
    } else if (event->what == TRACE_KERNEL_BLOCK_ISSUE) {
        join_blocks_issue(&join->blocks, event);
    } else if (event->what == TRACE_KERNEL_BLOCK_DONE) {
        struct join_cause cause = join_cpus_cause(&join->cpus, event->cpu);
        join_blocks_complete(&join->blocks, event, &cause);
    }
}

static uint64_t begin_of(const struct join_cause *cause)
{
    return cause->irq_ns ? cause->irq_ns : cause->softirq_ns;
}

/* --- block devices --- */

static void join_block(struct joining *joining, const struct join_block *block)
{
    if (block->queued_ns > joining->until_ns)
        return;
    joining->has_blocks = true;
    joining->is_guess |= block->is_guess || block->is_owner_guess;
    if (!block->issued_ns || !block->done_ns) {
        /* Flushes that wait together are one for the device. */
        if (block->sectors == 0)
            joining->is_guess = true;
        else
            joining->is_missing = true;
        return;
    }
    if (!joining->issued_ns || block->issued_ns < joining->issued_ns)
        joining->issued_ns = block->issued_ns;
    uint64_t done_ns =
        block->cause.irq_ns > block->issued_ns ? block->cause.irq_ns : block->done_ns;
    if (done_ns <= joining->until_ns && done_ns > joining->done_ns)
        joining->done_ns = done_ns;
    if (joining->done_ns == done_ns)
        joining->cause = block->cause;
}

static void join_blocks(struct joining *joining, const struct list *owner)
{
    joining->found.blocks = owner;
    for (const struct list *at = owner->next; at != owner; at = at->next)
        join_block(joining, hark_container_of(at, struct join_block, place));
}

/* --- io_uring --- */

static void join_moment(struct joining *joining, const struct join_moment *moment)
{
    switch (moment->what) {
    case TRACE_KERNEL_SUBMIT:
        if (!joining->submit_ns) /* what follows is a wait for room, another try, its cancel */
            joining->submit_ns = moment->time_ns;
        return;
    case TRACE_KERNEL_QUEUE_WORK:
        joining->has_worker = true;
        return;
    case TRACE_KERNEL_POLL_ARM:
        joining->has_wait = true;
        return;
    case TRACE_KERNEL_WORK_BEGIN:
        joining->has_work = true;
        joining->issued_ns = moment->time_ns;
        return;
    case TRACE_KERNEL_WORK_END:
        joining->done_ns = moment->time_ns;
        return;
    case TRACE_KERNEL_TASK_ADD:
        joining->has_wait = true;
        joining->done_ns = moment->time_ns;
        joining->cause = moment->cause;
        joining->issued_ns = begin_of(&moment->cause);
        if (!joining->issued_ns)
            joining->issued_ns = moment->time_ns;
        return;
    default:
        joining->complete_ns = moment->time_ns;
        joining->found.is_immediate = moment->is_immediate;
    }
}

static bool is_of_a_file(int kind)
{
    return kind == HARK_OP_READ || kind == HARK_OP_READV || kind == HARK_OP_WRITE ||
           kind == HARK_OP_WRITEV;
}

/* Over a request: what it sleeps for between two of them is of neither. */
static bool has_slept_over(const struct joining *joining, const struct join_request *request)
{
    return request->left_ns != 0 && !!join_wakes_last(&joining->join->wakes, request->thread, false,
                                                      joining->submit_ns, request->left_ns);
}

/* A read that was not complete at once waited for something that was not seen. */
static void note_no_device(struct joining *joining, const struct join_request *request,
                           bool all_came)
{
    bool is_write = joining->op->kind == HARK_OP_WRITE || joining->op->kind == HARK_OP_WRITEV;
    struct join_found *found = &joining->found;
    bool is_known = all_came && (is_write || found->is_immediate);
    found->no_device_ns = joining->submit_ns;
    found->has_slept = has_slept_over(joining, request);
    found->is_no_device_guess = !is_known;
    joining->is_guess |= !is_known;
    joining->join->counts.no_device += !found->has_slept && (is_write || found->is_immediate);
}

static void join_request(struct joining *joining, const struct join_request *request, bool all_came)
{
    const struct join_moment *moment = joining->found.moments = request->moments;
    for (; moment && moment->time_ns <= joining->until_ns; moment = moment->next)
        join_moment(joining, moment);
    /* Which of several packets of a softirq it was, is not known. */
    joining->is_guess |= joining->cause.packets > 1;
    join_blocks(joining, &request->blocks);
    if (joining->complete_ns == 0)
        joining->is_missing = true;
    else if (is_of_a_file(joining->op->kind) && !joining->has_blocks && !joining->has_wait &&
             !joining->has_work && joining->submit_ns)
        note_no_device(joining, request, all_came);
    /* All that was done, was done while it was submitted. */
    if (joining->found.is_immediate && !joining->has_blocks) {
        joining->issued_ns = joining->submit_ns;
        joining->done_ns = joining->complete_ns;
    }
}

/* What has been looked at, the next call of the op does not have. */
static void drop_request(struct joining *joining, struct join_request *request)
{
    struct join_moment *moment;
    if (!(joining->op->flags & TRACE_OP_MORE))
        return join_requests_drop(&joining->join->requests, request);
    while ((moment = join_requests_next(request, joining->until_ns)))
        free(moment);
}

/* --- the wake-up --- */

static bool is_same(const struct join_cause *one, const struct join_cause *other)
{
    return begin_of(one) != 0 && one->cpu == other->cpu && one->irq_ns == other->irq_ns &&
           one->softirq_ns == other->softirq_ns;
}

/* What ended the wait of a loop that waits for readiness may have done so for several ops. */
static void join_readiness(struct joining *joining, const struct join_wake *wake)
{
    joining->found.is_readiness = true;
    if (!trace_op_kind_waits(joining->op->kind) || !begin_of(&wake->cause))
        return;
    joining->issued_ns = begin_of(&wake->cause);
    joining->done_ns = wake->time_ns;
}

/* Takes: is_readiness: nothing else is known of the op. */
static void join_wake(struct joining *joining, uint64_t from_ns, bool is_readiness)
{
    int32_t thread = (int32_t)joining->op->loop->thread;
    const struct join_wake *wake =
        join_wakes_last(&joining->join->wakes, thread, false, from_ns, joining->until_ns);
    if (!wake)
        return; /* it did not sleep */
    joining->found.wake = wake;
    /* What happened in another interrupt, or none, may have woken it for another op. */
    joining->found.is_wake_guess = !is_same(&joining->cause, &wake->cause);
    if (is_readiness)
        join_readiness(joining, wake);
    joining->found.runs =
        join_wakes_last(&joining->join->wakes, thread, true, wake->time_ns, joining->until_ns);
}

/* --- times --- */

static void set_times(struct joining *joining)
{
    struct trace_op *op = joining->op;
    uint64_t from_ns = op->flags & TRACE_OP_QUEUED ? op->queued_ns : op->delegated_ns;
    if (joining->submit_ns && op->flags & TRACE_OP_QUEUED && joining->submit_ns >= from_ns &&
        joining->submit_ns <= joining->until_ns)
        op->delegated_ns = joining->submit_ns;
    if (op->performed_ns || !joining->issued_ns || joining->issued_ns < op->delegated_ns ||
        joining->done_ns < joining->issued_ns || joining->done_ns > joining->until_ns)
        return;
    op->performed_ns = joining->issued_ns;
    op->done_ns = joining->done_ns;
}

static void count(struct joining *joining)
{
    struct trace_join_counts *counts = &joining->join->counts;
    if (joining->is_missing)
        counts->missing++;
    else if (joining->is_guess)
        counts->guessed++;
    else
        counts->exact++;
}

/* --- ops --- */

/* The op has its times: from here on it is known whether it is shown. */
static void tell(struct joining *joining)
{
    const struct trace_join_shown *shown = &joining->join->shown;
    joining->found.until_ns = joining->until_ns;
    if (!shown->is_shown || shown->is_shown(shown->context, joining->op))
        join_facts_tell(&joining->join->devices, joining->op, &joining->found);
}

static void join_pool(struct joining *joining)
{
    struct trace_op *op = joining->op;
    struct list blocks;
    list_init(&blocks);
    join_blocks_claim(&joining->join->blocks, &blocks, (int32_t)op->thread, op->performed_ns,
                      op->done_ns ? op->done_ns : joining->until_ns);
    join_blocks(joining, &blocks);
    join_wake(joining, op->done_ns, false);
    if (joining->has_blocks)
        count(joining);
    tell(joining);
    join_blocks_free(&blocks);
}

/* The others are the loop's own: the kernel wakes it for them, and knows nothing more. */
static bool is_of_a_descriptor(int kind)
{
    return kind != HARK_OP_SLEEP && kind != HARK_OP_EVERY && kind != HARK_OP_POST &&
           kind != HARK_OP_DEFER && kind != HARK_OP_SIGNAL_EACH;
}

static void join_ready(struct joining *joining)
{
    join_wake(joining, joining->op->delegated_ns, true);
    if (joining->done_ns) {
        joining->is_guess = true;
        set_times(joining);
        count(joining);
    }
    tell(joining);
}

static void join_uring(struct joining *joining, bool all_came)
{
    struct trace_op *op = joining->op;
    struct join_request *request =
        join_requests_find(&joining->join->requests, (int32_t)op->loop->thread, op->known_as);
    if (request)
        join_request(joining, request, all_came);
    else if (is_of_a_descriptor(op->kind) && trace_op_kind_waits(op->kind))
        return join_ready(joining); /* behind a descriptor that the ring polls for many of them */
    else if (op->flags & TRACE_OP_QUEUED)
        joining->is_missing = true;
    else
        return;
    set_times(joining);
    join_wake(joining, joining->done_ns ? joining->done_ns : op->delegated_ns, false);
    count(joining);
    tell(joining);
    if (request)
        drop_request(joining, request);
}

void trace_join_op(struct trace_join *join, struct trace_op *op, bool all_came)
{
    struct joining joining = {.join = join, .op = op, .until_ns = op->returned_ns};
    if (!joining.until_ns)
        return;
    if (op->flags & TRACE_OP_POOL)
        join_pool(&joining);
    else if (op->loop->backend == HARK_BACKEND_URING && op->known_as)
        join_uring(&joining, all_came);
    else if (op->delegated_ns && is_of_a_descriptor(op->kind))
        join_ready(&joining);
}

/* --- the whole --- */

void trace_join_forget(struct trace_join *join, uint64_t before_ns)
{
    join_blocks_forget(&join->blocks, before_ns);
    join_requests_forget(&join->requests, before_ns);
}

const struct trace_join_counts *trace_join_counts(const struct trace_join *join)
{
    return &join->counts;
}

int trace_join_create(const struct trace_join_shown *shown, struct trace_join **out_join)
{
    struct trace_join *join = calloc(1, sizeof *join);
    int error = join ? join_requests_begin(&join->requests) : -ENOMEM;
    if (error) {
        free(join);
        return error;
    }
    join_blocks_begin(&join->blocks);
    if (shown)
        join->shown = *shown;
    *out_join = join;
    return 0;
}

void trace_join_destroy(struct trace_join *join)
{
    if (!join)
        return;
    join_requests_done(&join->requests);
    join_blocks_done(&join->blocks);
    join_wakes_done(&join->wakes);
    join_cpus_done(&join->cpus);
    free(join);
}

int trace_join_begin_again(struct trace_join **join)
{
    struct trace_join *former = *join, *again;
    int error = trace_join_create(&former->shown, &again);
    if (error)
        return error;
    again->devices = former->devices;
    again->counts = former->counts;
    trace_join_destroy(former);
    *join = again;
    return 0;
}
