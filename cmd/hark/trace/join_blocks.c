/* join_blocks.c - which request of a device is of which thread's stretch of sectors.
 *
 * The list of those that are not done is as long as the devices' queues are deep: it is searched
 * from its oldest on. */
#include "trace/join_blocks.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>

#include "hark.h"

enum { STRAYS_MAX = 1 << 14, MINOR_BITS = 20 };

static struct join_block *block_at(struct list *place)
{
    return hark_container_of(place, struct join_block, place);
}

static uint64_t device_of(const struct trace_kernel_event *event)
{
    return makedev((unsigned)(event->device >> MINOR_BITS),
                   (unsigned)(event->device & ((1 << MINOR_BITS) - 1)));
}

static void drop(struct join_block *block)
{
    list_remove(&block->place);
    list_remove(&block->open);
    free(block);
}

/* --- asked for --- */

struct join_block *join_blocks_queue(struct join_blocks *blocks, struct list *owner,
                                     const struct trace_kernel_event *event)
{
    struct join_block *block = calloc(1, sizeof *block);
    if (!block)
        return NULL;
    block->queued_ns = event->time_ns;
    block->queued_cpu = event->cpu;
    block->thread = event->thread;
    block->device = device_of(event);
    block->sector = event->number;
    block->sectors = event->length;
    snprintf(block->process, sizeof block->process, "%s", event->text);
    list_init(&block->open);
    list_init(&block->place);
    list_append(&blocks->open, &block->open);
    list_append(owner ? owner : &blocks->strays, &block->place);
    if (!owner && ++blocks->stray_count > STRAYS_MAX) {
        drop(block_at(blocks->strays.next));
        blocks->stray_count--;
    }
    return block;
}

/* --- the device's --- */

enum { NOT_THERE, WITHIN, SAME };

static int compare(const struct join_block *block, const struct trace_kernel_event *event,
                   uint64_t device, bool is_issue)
{
    if (block->device != device || (block->issued_ns != 0) == is_issue)
        return NOT_THERE;
    if (block->sector == event->number && block->sectors == event->length)
        return SAME;
    bool overlap = block->sector < event->number + event->length &&
                   event->number < block->sector + block->sectors;
    return overlap ? WITHIN : NOT_THERE;
}

static void issue(struct join_block *block, const struct trace_kernel_event *event, bool guess)
{
    block->issued_ns = event->time_ns;
    block->issued_cpu = event->cpu;
    block->is_guess |= guess;
    snprintf(block->direction, sizeof block->direction, "%.8s", event->text);
}

static void complete(struct join_block *block, const struct trace_kernel_event *event,
                     const struct join_cause *cause, bool guess)
{
    block->done_ns = event->time_ns;
    block->done_cpu = event->cpu;
    block->error = event->value;
    block->cause = *cause;
    block->is_guess |= guess;
    list_remove(&block->open);
}

/* Takes: cause: NULL: it is issued. */
static void match(struct join_blocks *blocks, const struct trace_kernel_event *event,
                  const struct join_cause *cause)
{
    uint64_t device = device_of(event);
    struct join_block *same = NULL;
    bool others = false;
    for (struct list *at = blocks->open.next; at != &blocks->open; at = at->next) {
        struct join_block *block = hark_container_of(at, struct join_block, open);
        if (compare(block, event, device, !cause) != SAME)
            continue;
        if (same)
            others = true;
        else
            same = block;
    }
    if (same && cause)
        complete(same, event, cause, others);
    else if (same)
        issue(same, event, others);
    for (struct list *at = blocks->open.next; !same && at != &blocks->open;) {
        struct join_block *block = hark_container_of(at, struct join_block, open);
        at = at->next;
        if (compare(block, event, device, !cause) == NOT_THERE)
            continue;
        if (cause)
            complete(block, event, cause, true);
        else
            issue(block, event, true);
    }
}

void join_blocks_issue(struct join_blocks *blocks, const struct trace_kernel_event *event)
{
    match(blocks, event, NULL);
}

void join_blocks_complete(struct join_blocks *blocks, const struct trace_kernel_event *event,
                          const struct join_cause *cause)
{
    match(blocks, event, cause);
}

/* --- owners --- */

void join_blocks_claim(struct join_blocks *blocks, struct list *owner, int32_t thread,
                       uint64_t from_ns, uint64_t until_ns)
{
    struct list *at = blocks->strays.before;
    while (at != &blocks->strays && block_at(at)->queued_ns >= from_ns) {
        struct join_block *block = block_at(at);
        at = at->before;
        if (block->thread != thread || block->queued_ns > until_ns)
            continue;
        list_remove(&block->place);
        blocks->stray_count--;
        list_append(owner, &block->place);
    }
}

void join_blocks_free(struct list *owner)
{
    struct list *at = owner->next;
    while (at != owner) {
        struct join_block *block = block_at(at);
        at = at->next;
        drop(block);
    }
}

void join_blocks_forget(struct join_blocks *blocks, uint64_t before_ns)
{
    struct list *at = blocks->strays.next;
    while (at != &blocks->strays && block_at(at)->queued_ns < before_ns) {
        struct join_block *block = block_at(at);
        at = at->next;
        drop(block);
        blocks->stray_count--;
    }
    at = blocks->open.next;
    while (at != &blocks->open) {
        struct join_block *block = hark_container_of(at, struct join_block, open);
        at = at->next;
        if (block->queued_ns < before_ns)
            list_remove(&block->open);
    }
}

void join_blocks_begin(struct join_blocks *blocks)
{
    list_init(&blocks->open);
    list_init(&blocks->strays);
    blocks->stray_count = 0;
}

void join_blocks_done(struct join_blocks *blocks)
{
    join_blocks_free(&blocks->strays);
}
