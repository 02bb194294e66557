/* join_facts.c - the words for what was found of an op.
 *
 * What must hold: an op has a bounded number of facts, whatever the kernel told of it. A few
 * requests of devices are told one by one; of many, those of one device and direction are told
 * together, with their first and their last. */
#include "trace/join_facts.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "hark.h"
#include "trace/text.h"

enum { SOFTIRQ_NET_RX = 3, SECTOR_BYTES = 512 };
enum { BLOCKS_TOLD = 4, GROUPS_TOLD = 4, MOMENTS_FIRST = 12, MOMENTS_LAST = 4 };

struct telling {
    struct join_devices *devices;
    struct trace_op *op;
    const struct join_found *found;
};

/* "vda". */
static const char *device_name(struct join_devices *devices, uint64_t device)
{
    char path[64], target[PATH_MAX];
    size_t at = 0;
    while (at < devices->count && devices->known[at].device != device)
        at++;
    if (at < devices->count)
        return devices->known[at].name;
    at = devices->count < JOIN_DEVICES ? devices->count++ : JOIN_DEVICES - 1;
    snprintf(path, sizeof path, "/sys/dev/block/%u:%u", major(device), minor(device));
    ssize_t length = readlink(path, target, sizeof target - 1);
    target[length > 0 ? length : 0] = '\0';
    const char *slash = strrchr(target, '/');
    char *name = devices->known[at].name;
    devices->known[at].device = device;
    if (major(device) == 0) /* no real one has that: a simulated machine's */
        snprintf(name, sizeof devices->known[at].name, "simulated disk %u", minor(device));
    else if (slash)
        snprintf(name, sizeof devices->known[at].name, "%.31s", slash + 1);
    else
        snprintf(name, sizeof devices->known[at].name, "%u:%u", major(device), minor(device));
    return name;
}

static void add(const struct telling *telling, struct trace_fact fact, const char *what,
                const char *format, ...) __attribute__((format(printf, 4, 5)));

static void add(const struct telling *telling, struct trace_fact fact, const char *what,
                const char *format, ...)
{
    va_list arguments;
    snprintf(fact.what, sizeof fact.what, "%s", what);
    va_start(arguments, format);
    vsnprintf(fact.text, sizeof fact.text, format, arguments);
    va_end(arguments);
    (void)trace_op_add_fact(telling->op, &fact);
}

/* The interrupt, the softirq and the packet in which something happened. */
static void add_cause(const struct telling *telling, const struct join_cause *cause, bool guess)
{
    struct trace_fact fact = {.stage = 5, .cpu = cause->cpu, .guess = guess};
    fact.time_ns = cause->irq_ns;
    if (cause->irq_ns)
        add(telling, fact, "irq_handler_entry", "interrupt %u, %s", cause->irq, cause->irq_name);
    fact.time_ns = cause->softirq_ns;
    if (cause->softirq_ns)
        add(telling, fact, "softirq_entry", "%s",
            cause->vector == SOFTIRQ_NET_RX ? "NET_RX" : "BLOCK");
    fact.time_ns = cause->received_ns;
    fact.guess = guess || cause->packets > 1;
    if (cause->received_ns)
        add(telling, fact, "netif_receive_skb", "%s, %u bytes, packet %u of this softirq",
            cause->network, cause->bytes, cause->packets);
}

/* --- a request of a device --- */

static bool is_told(const struct telling *telling, const struct join_block *block)
{
    return block->queued_ns <= telling->found->until_ns;
}

static bool is_done(const struct telling *telling, const struct join_block *block)
{
    return block->done_ns && block->done_ns <= telling->found->until_ns;
}

static void tell_block(const struct telling *telling, const struct join_block *block)
{
    const char *device = device_name(telling->devices, block->device);
    struct trace_fact fact = {
        .stage = 4,
        .device = block->device,
        .sector = block->sector,
        .time_ns = block->queued_ns,
        .cpu = block->queued_cpu,
        .guess = block->is_owner_guess,
    };
    add(telling, fact, "block_bio_queue", "%s, sector %llu, %u sectors, asked by %s %d", device,
        (unsigned long long)block->sector, block->sectors, block->process, block->thread);
    fact.guess = block->is_owner_guess || block->is_guess;
    fact.time_ns = block->issued_ns;
    fact.cpu = block->issued_cpu;
    if (block->issued_ns)
        add(telling, fact, "block_rq_issue", "%s has it: %s", device, block->direction);
    if (!is_done(telling, block))
        return;
    add_cause(telling, &block->cause, fact.guess);
    fact.stage = 5;
    fact.time_ns = block->done_ns;
    fact.cpu = block->done_cpu;
    add(telling, fact, "block_rq_complete", "%s is done with it%s", device,
        block->error ? ", with an error" : "");
}

/* --- many of them --- */

/* Those of one device and direction. */
struct block_group {
    uint64_t device;
    const char *noun; /* "writes" */
    const struct join_block *first, *last;
    const struct join_block *first_issued, *last_issued; /* NULL: none is */
    const struct join_block *first_done, *last_done;
    uint64_t sectors, from_sector, until_sector;
    size_t count, errors;
    bool is_owner_guess, is_guess;
};

static const char *noun_of(const struct join_block *block)
{
    static const struct {
        char letter;
        const char *noun;
    } directions[] = {{'D', "discards"}, {'W', "writes"}, {'R', "reads"}, {'F', "flushes"}};
    for (size_t i = 0; i < sizeof directions / sizeof *directions; i++)
        if (strchr(block->direction, directions[i].letter))
            return directions[i].noun;
    return "requests";
}

static void take_issue(struct block_group *group, const struct join_block *block)
{
    if (!group->first_issued || block->issued_ns < group->first_issued->issued_ns)
        group->first_issued = block;
    if (!group->last_issued || block->issued_ns > group->last_issued->issued_ns)
        group->last_issued = block;
}

static void take_done(struct block_group *group, const struct join_block *block)
{
    if (!group->first_done || block->done_ns < group->first_done->done_ns)
        group->first_done = block;
    if (!group->last_done || block->done_ns > group->last_done->done_ns)
        group->last_done = block;
    group->errors += block->error != 0;
}

static void group_take(const struct telling *telling, struct block_group *group,
                       const struct join_block *block)
{
    uint64_t end = block->sector + block->sectors;
    bool is_first = group->count++ == 0;
    if (is_first || block->queued_ns < group->first->queued_ns)
        group->first = block;
    if (is_first || block->queued_ns > group->last->queued_ns)
        group->last = block;
    if (block->issued_ns)
        take_issue(group, block);
    if (is_done(telling, block))
        take_done(group, block);
    if (is_first || block->sector < group->from_sector)
        group->from_sector = block->sector;
    if (end > group->until_sector)
        group->until_sector = end;
    group->sectors += block->sectors;
    group->is_owner_guess |= block->is_owner_guess;
    group->is_guess |= block->is_guess;
}

/* Gives: NULL: it is none of the groups', and there is no more. */
static struct block_group *group_of(struct block_group groups[GROUPS_TOLD],
                                    const struct join_block *block)
{
    const char *noun = noun_of(block);
    for (size_t i = 0; i < GROUPS_TOLD; i++) {
        struct block_group *group = &groups[i];
        if (group->count == 0)
            *group = (struct block_group){.device = block->device, .noun = noun};
        if (group->device == block->device && group->noun == noun)
            return group;
    }
    return NULL;
}

static void tell_group(const struct telling *telling, const struct block_group *group)
{
    char size[TRACE_TEXT_MAX], lasted[TRACE_TEXT_MAX];
    const char *device = device_name(telling->devices, group->device);
    const struct join_block *block = group->first;
    struct trace_fact fact = {
        .stage = 4,
        .device = group->device,
        .sector = group->from_sector,
        .time_ns = block->queued_ns,
        .cpu = block->queued_cpu,
        .guess = group->is_owner_guess,
    };
    add(telling, fact, "block_bio_queue", "%zu %s, %s, sectors %llu..%llu, %s, within %s, %s %d",
        group->count, group->noun, device, (unsigned long long)group->from_sector,
        (unsigned long long)(group->until_sector > group->from_sector ? group->until_sector - 1
                                                                      : group->from_sector),
        trace_text_bytes(size, group->sectors * SECTOR_BYTES),
        trace_text_duration(lasted, group->last->queued_ns - block->queued_ns), block->process,
        block->thread);
    fact.guess = group->is_owner_guess || group->is_guess;
    if ((block = group->first_issued)) {
        fact.time_ns = block->issued_ns;
        fact.cpu = block->issued_cpu;
        add(telling, fact, "block_rq_issue", "%s has the first of them: %s; the last %s later",
            device, block->direction,
            trace_text_duration(lasted, group->last_issued->issued_ns - block->issued_ns));
    }
    if (!(block = group->last_done))
        return;
    add_cause(telling, &block->cause, fact.guess);
    fact.stage = 5;
    fact.time_ns = block->done_ns;
    fact.cpu = block->done_cpu;
    add(telling, fact, "block_rq_complete",
        "%s is done with the last of %zu %s%s; with the first %s before", device, group->count,
        group->noun, group->errors ? ", some with an error" : "",
        trace_text_duration(lasted, block->done_ns - group->first_done->done_ns));
}

static void tell_groups(const struct telling *telling)
{
    struct block_group groups[GROUPS_TOLD] = {0};
    const struct list *head = telling->found->blocks;
    struct trace_fact more = {.stage = 4, .cpu = -1};
    size_t left_out = 0;
    for (const struct list *at = head->next; at != head; at = at->next) {
        const struct join_block *block = hark_container_of(at, struct join_block, place);
        if (!is_told(telling, block))
            continue;
        struct block_group *group = group_of(groups, block);
        if (group)
            group_take(telling, group, block);
        else if (left_out++ == 0)
            more.time_ns = block->queued_ns;
    }
    for (size_t i = 0; i < GROUPS_TOLD && groups[i].count; i++)
        if (groups[i].count == 1)
            tell_block(telling, groups[i].first);
        else
            tell_group(telling, &groups[i]);
    if (left_out)
        add(telling, more, "left out", "%zu requests of other devices or directions", left_out);
}

static void tell_blocks(const struct telling *telling)
{
    const struct list *head = telling->found->blocks;
    size_t count = 0;
    for (const struct list *at = head->next; at != head; at = at->next)
        count += is_told(telling, hark_container_of(at, struct join_block, place));
    if (count > BLOCKS_TOLD)
        return tell_groups(telling);
    for (const struct list *at = head->next; at != head; at = at->next) {
        const struct join_block *block = hark_container_of(at, struct join_block, place);
        if (is_told(telling, block))
            tell_block(telling, block);
    }
}

static void tell_no_device(const struct telling *telling)
{
    int kind = telling->op->kind;
    struct trace_fact fact = {.stage = 4,
                              .time_ns = telling->found->no_device_ns,
                              .cpu = -1,
                              .guess = telling->found->is_no_device_guess};
    bool is_read = kind == HARK_OP_READ || kind == HARK_OP_READV;
    const char *text = "the kernel keeps the data in its cache for now";
    if (telling->found->has_slept)
        text = "was seen, and the loop slept while it asked: a file system that cannot but wait";
    else if (is_read && telling->found->is_immediate)
        text = "the kernel had the data in its cache";
    else if (is_read)
        text = "was seen: others had asked for the data, or the file system has none";
    else if (!telling->found->is_immediate)
        text = "the kernel keeps the data in its cache for now, or the file system has none";
    add(telling, fact, "no device", "%s", text);
}

/* --- io_uring --- */

static void tell_moment(const struct telling *telling, const struct join_moment *moment)
{
    struct trace_fact fact = {.stage = 3, .time_ns = moment->time_ns, .cpu = moment->cpu};
    switch (moment->what) {
    case TRACE_KERNEL_SUBMIT:
        return add(telling, fact, "io_uring_submit_req", "the kernel takes it, in thread %d",
                   moment->thread);
    case TRACE_KERNEL_QUEUE_WORK:
        return add(telling, fact, "io_uring_queue_async_work",
                   "it would block: a worker is to do it");
    case TRACE_KERNEL_WORK_BEGIN:
        fact.stage = 4;
        return add(telling, fact, "worker", "a worker of the simulated kernel makes the call");
    case TRACE_KERNEL_WORK_END:
        fact.stage = 5;
        return add(telling, fact, "worker", "it is done");
    case TRACE_KERNEL_POLL_ARM:
        return add(telling, fact, "io_uring_poll_arm",
                   "nothing is there yet: it waits in the kernel");
    case TRACE_KERNEL_TASK_ADD:
        add_cause(telling, &moment->cause, false);
        fact.stage = 5;
        return add(telling, fact, "io_uring_task_add", "what it waits for is there");
    default:
        fact.stage = 6;
        return add(telling, fact, "io_uring_complete", "result %d", moment->value);
    }
}

/* The first of them and the last. */
static void tell_moments(const struct telling *telling)
{
    uint64_t until_ns = telling->found->until_ns;
    const struct join_moment *moment = telling->found->moments;
    struct trace_fact more = {.stage = 3, .cpu = -1};
    size_t count = 0, at = 0, left_out = 0;
    for (; moment && moment->time_ns <= until_ns; moment = moment->next)
        count++;
    for (moment = telling->found->moments; at < count; moment = moment->next, at++) {
        if (at < MOMENTS_FIRST || at + MOMENTS_LAST >= count)
            tell_moment(telling, moment);
        else if (left_out++ == 0)
            more.time_ns = moment->time_ns;
    }
    if (left_out)
        add(telling, more, "left out", "%zu times that io_uring looked, waited or was told",
            left_out);
}

/* --- the wake-up --- */

static void tell_wake(const struct telling *telling)
{
    const struct join_found *found = telling->found;
    const struct join_wake *wake = found->wake;
    struct trace_fact fact = {
        .stage = 6, .time_ns = wake->time_ns, .cpu = wake->cpu, .guess = found->is_wake_guess};
    if (found->is_readiness)
        add_cause(telling, &wake->cause, true);
    if (wake->cause.irq_ns || wake->cause.softirq_ns)
        add(telling, fact, "sched_waking", "thread %d is woken, in an interrupt", wake->thread);
    else
        add(telling, fact, "sched_waking", "thread %d is woken, by thread %d", wake->thread,
            wake->other);
    if (!found->runs)
        return;
    fact.time_ns = found->runs->time_ns;
    fact.cpu = found->runs->cpu;
    add(telling, fact, "sched_switch", "and has the CPU");
}

void join_facts_tell(struct join_devices *devices, struct trace_op *op,
                     const struct join_found *found)
{
    const struct telling telling = {.devices = devices, .op = op, .found = found};
    tell_moments(&telling);
    if (found->blocks)
        tell_blocks(&telling);
    if (found->no_device_ns)
        tell_no_device(&telling);
    if (found->wake)
        tell_wake(&telling);
}
