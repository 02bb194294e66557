/* join.c - from the kernel's events to the facts of an op, and to its times. */
#include "trace/join.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "trace/join_blocks.h"
#include "trace/join_cpus.h"
#include "trace/join_requests.h"
#include "trace/join_wakes.h"

enum { DEVICES = 16, SOFTIRQ_NET_RX = 3 };

struct trace_join {
    struct join_cpus cpus;
    struct join_wakes wakes;
    struct join_blocks blocks;
    struct join_requests requests;
    struct trace_join_counts counts;
    struct {
        uint64_t device;
        char name[32];
    } devices[DEVICES]; /* whose names were looked up */
    size_t device_count;
};

/* An op while it is joined. */
struct joining {
    struct trace_join *join;
    struct trace_op *op;
    uint64_t until_ns;  /* the loop has its result */
    uint64_t submit_ns; /* 0: not seen */
    uint64_t complete_ns;
    uint64_t issued_ns;      /* the first of its blocks */
    uint64_t done_ns;        /* the last of its blocks, or what it waits for has come */
    struct join_cause cause; /* of that */
    bool has_worker, has_wait, has_blocks, is_guess, is_missing;
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

/* --- facts --- */

/* "vda". */
static const char *device_name(struct trace_join *join, uint64_t device)
{
    char path[64], target[PATH_MAX];
    size_t at = 0;
    while (at < join->device_count && join->devices[at].device != device)
        at++;
    if (at < join->device_count)
        return join->devices[at].name;
    at = join->device_count < DEVICES ? join->device_count++ : DEVICES - 1;
    snprintf(path, sizeof path, "/sys/dev/block/%u:%u", major(device), minor(device));
    ssize_t length = readlink(path, target, sizeof target - 1);
    target[length > 0 ? length : 0] = '\0';
    const char *slash = strrchr(target, '/');
    join->devices[at].device = device;
    if (slash)
        snprintf(join->devices[at].name, sizeof join->devices[at].name, "%.31s", slash + 1);
    else
        snprintf(join->devices[at].name, sizeof join->devices[at].name, "%u:%u", major(device),
                 minor(device));
    return join->devices[at].name;
}

static void add(struct joining *joining, struct trace_fact fact, const char *what,
                const char *format, ...) __attribute__((format(printf, 4, 5)));

static void add(struct joining *joining, struct trace_fact fact, const char *what,
                const char *format, ...)
{
    va_list arguments;
    snprintf(fact.what, sizeof fact.what, "%s", what);
    va_start(arguments, format);
    vsnprintf(fact.text, sizeof fact.text, format, arguments);
    va_end(arguments);
    (void)trace_op_add_fact(joining->op, &fact);
}

/* The interrupt, the softirq and the packet in which something happened. */
static void add_cause(struct joining *joining, const struct join_cause *cause, bool guess)
{
    struct trace_fact fact = {.stage = 5, .cpu = cause->cpu, .guess = guess};
    fact.time_ns = cause->irq_ns;
    if (cause->irq_ns)
        add(joining, fact, "irq_handler_entry", "interrupt %u, %s", cause->irq, cause->irq_name);
    fact.time_ns = cause->softirq_ns;
    if (cause->softirq_ns)
        add(joining, fact, "softirq_entry", "%s",
            cause->vector == SOFTIRQ_NET_RX ? "NET_RX" : "BLOCK");
    fact.time_ns = cause->received_ns;
    fact.guess = guess || cause->packets > 1;
    if (cause->received_ns)
        add(joining, fact, "netif_receive_skb", "%s, %u bytes, packet %u of this softirq",
            cause->network, cause->bytes, cause->packets);
}

/* --- block devices --- */

static void add_block(struct joining *joining, const struct join_block *block)
{
    const char *device = device_name(joining->join, block->device);
    struct trace_fact fact = {
        .stage = 4,
        .device = block->device,
        .sector = block->sector,
        .time_ns = block->queued_ns,
        .cpu = block->queued_cpu,
        .guess = block->is_owner_guess,
    };
    add(joining, fact, "block_bio_queue", "%s, sector %llu, %u sectors, asked by %s %d", device,
        (unsigned long long)block->sector, block->sectors, block->process, block->thread);
    fact.guess = block->is_owner_guess || block->is_guess;
    fact.time_ns = block->issued_ns;
    fact.cpu = block->issued_cpu;
    if (block->issued_ns)
        add(joining, fact, "block_rq_issue", "%s has it: %s", device, block->direction);
    if (!block->done_ns || block->done_ns > joining->until_ns)
        return;
    add_cause(joining, &block->cause, fact.guess);
    fact.stage = 5;
    fact.time_ns = block->done_ns;
    fact.cpu = block->done_cpu;
    add(joining, fact, "block_rq_complete", "%s is done with it%s", device,
        block->error ? ", with an error" : "");
}

static void join_block(struct joining *joining, const struct join_block *block)
{
    if (block->queued_ns > joining->until_ns)
        return;
    add_block(joining, block);
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

static void join_blocks(struct joining *joining, struct list *owner)
{
    for (struct list *at = owner->next; at != owner; at = at->next)
        join_block(joining, hark_container_of(at, struct join_block, place));
}

/* --- io_uring --- */

static void join_moment(struct joining *joining, const struct join_moment *moment)
{
    struct trace_fact fact = {.stage = 3, .time_ns = moment->time_ns, .cpu = moment->cpu};
    switch (moment->what) {
    case TRACE_KERNEL_SUBMIT:
        joining->submit_ns = moment->time_ns;
        add(joining, fact, "io_uring_submit_req", "the kernel takes it, in thread %d",
            moment->thread);
        break;
    case TRACE_KERNEL_QUEUE_WORK:
        joining->has_worker = true;
        add(joining, fact, "io_uring_queue_async_work", "it would block: a worker is to do it");
        break;
    case TRACE_KERNEL_POLL_ARM:
        joining->has_wait = true;
        add(joining, fact, "io_uring_poll_arm", "nothing is there yet: it waits in the kernel");
        break;
    case TRACE_KERNEL_TASK_ADD:
        joining->has_wait = true;
        joining->done_ns = moment->time_ns;
        joining->cause = moment->cause;
        joining->issued_ns = moment->cause.irq_ns ? moment->cause.irq_ns : moment->cause.softirq_ns;
        if (!joining->issued_ns)
            joining->issued_ns = moment->time_ns;
        add_cause(joining, &moment->cause, false);
        fact.stage = 5;
        add(joining, fact, "io_uring_task_add", "what it waits for is there");
        break;
    default:
        joining->complete_ns = moment->time_ns;
        fact.stage = 6;
        add(joining, fact, "io_uring_complete", "result %d", moment->value);
    }
}

static bool is_of_a_file(int kind)
{
    return kind == HARK_OP_READ || kind == HARK_OP_READV || kind == HARK_OP_WRITE ||
           kind == HARK_OP_WRITEV;
}

static void say_no_device(struct joining *joining, bool all_came)
{
    struct trace_fact fact = {
        .stage = 4, .time_ns = joining->submit_ns, .cpu = -1, .guess = !all_came};
    joining->is_guess |= !all_came;
    joining->join->counts.no_device++;
    add(joining, fact, "no device", "was asked: %s",
        joining->op->kind == HARK_OP_READ || joining->op->kind == HARK_OP_READV
            ? "the kernel had the data in its cache"
            : "the kernel keeps the data in its cache for now");
}

static void join_request(struct joining *joining, struct join_request *request, bool all_came)
{
    struct join_moment *moment;
    while ((moment = join_requests_next(request, joining->until_ns))) {
        join_moment(joining, moment);
        free(moment);
    }
    join_blocks(joining, &request->blocks);
    if (joining->complete_ns == 0)
        joining->is_missing = true;
    else if (is_of_a_file(joining->op->kind) && !joining->has_blocks && !joining->has_wait &&
             joining->submit_ns)
        say_no_device(joining, all_came);
    /* All that was done, was done while it was submitted. */
    if (!joining->has_blocks && !joining->has_wait && !joining->has_worker) {
        joining->issued_ns = joining->submit_ns;
        joining->done_ns = joining->complete_ns;
    }
    if (!(joining->op->flags & TRACE_OP_MORE))
        join_requests_drop(&joining->join->requests, request);
}

/* --- the wake-up --- */

static uint64_t begin_of(const struct join_cause *cause)
{
    return cause->irq_ns ? cause->irq_ns : cause->softirq_ns;
}

static bool is_same(const struct join_cause *one, const struct join_cause *other)
{
    return begin_of(one) != 0 && one->cpu == other->cpu && one->irq_ns == other->irq_ns &&
           one->softirq_ns == other->softirq_ns;
}

/* What ended the wait of a loop that waits for readiness may have done so for several ops. */
static void join_readiness(struct joining *joining, const struct join_wake *wake)
{
    add_cause(joining, &wake->cause, true);
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
    /* What happened in another interrupt, or none, may have woken it for another op. */
    struct trace_fact fact = {.stage = 6,
                              .time_ns = wake->time_ns,
                              .cpu = wake->cpu,
                              .guess = !is_same(&joining->cause, &wake->cause)};
    if (is_readiness)
        join_readiness(joining, wake);
    if (begin_of(&wake->cause))
        add(joining, fact, "sched_waking", "thread %d is woken, in an interrupt", thread);
    else
        add(joining, fact, "sched_waking", "thread %d is woken, by thread %d", thread, wake->other);
    wake = join_wakes_last(&joining->join->wakes, thread, true, wake->time_ns, joining->until_ns);
    if (!wake)
        return;
    fact.time_ns = wake->time_ns;
    fact.cpu = wake->cpu;
    add(joining, fact, "sched_switch", "and has the CPU");
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

static void join_pool(struct joining *joining)
{
    struct trace_op *op = joining->op;
    struct list blocks;
    list_init(&blocks);
    join_blocks_claim(&joining->join->blocks, &blocks, (int32_t)op->thread, op->performed_ns,
                      op->done_ns ? op->done_ns : joining->until_ns);
    join_blocks(joining, &blocks);
    join_blocks_free(&blocks);
    join_wake(joining, op->done_ns, false);
    if (joining->has_blocks)
        count(joining);
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
    if (!joining->done_ns)
        return;
    joining->is_guess = true;
    set_times(joining);
    count(joining);
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

int trace_join_create(struct trace_join **out_join)
{
    struct trace_join *join = calloc(1, sizeof *join);
    int error = join ? join_requests_begin(&join->requests) : -ENOMEM;
    if (error) {
        free(join);
        return error;
    }
    join_blocks_begin(&join->blocks);
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
