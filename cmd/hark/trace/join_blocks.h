/* join_blocks.h - block I/O from the thread that asked for it to the device and back: joined by
 * device and sector. */
#ifndef HARK_COMMAND_TRACE_JOIN_BLOCKS_H
#define HARK_COMMAND_TRACE_JOIN_BLOCKS_H

#include "base/list.h"
#include "trace/join_cpus.h"

/* A stretch of sectors that a thread asked for. Times are 0 until it is so far. */
struct join_block {
    struct list place; /* its owner's, or among those that have none */
    struct list open;  /* until it is done */
    uint64_t queued_ns, issued_ns, done_ns;
    int32_t queued_cpu, issued_cpu, done_cpu;
    int32_t thread;
    int32_t error;
    uint64_t device; /* as in struct stat */
    uint64_t sector;
    uint32_t sectors;
    bool is_owner_guess; /* who asked for it is one of several */
    bool is_guess;       /* merged with others, split, or one of several of the same sectors */
    char process[20];
    char direction[12];      /* "R", "WS" */
    struct join_cause cause; /* in which it was done */
};

/* In the caller's memory; join_blocks_begin first. */
struct join_blocks {
    struct list open;
    struct list strays; /* without an owner */
    size_t stray_count;
};

void join_blocks_begin(struct join_blocks *blocks);
void join_blocks_done(struct join_blocks *blocks);

/* A thread asks.
 * Takes: owner: the list to which it goes; NULL: it has no owner.
 * Gives: NULL: no memory. */
struct join_block *join_blocks_queue(struct join_blocks *blocks, struct list *owner,
                                     const struct trace_kernel_event *event);

/* The device is given it, or gives it back.
 * Takes: cause: in what the CPU is. */
void join_blocks_issue(struct join_blocks *blocks, const struct trace_kernel_event *event);
void join_blocks_complete(struct join_blocks *blocks, const struct trace_kernel_event *event,
                          const struct join_cause *cause);

/* Gives those without an owner that a thread asked for in a time to an owner. */
void join_blocks_claim(struct join_blocks *blocks, struct list *owner, int32_t thread,
                       uint64_t from_ns, uint64_t until_ns);

/* Frees all of an owner's. */
void join_blocks_free(struct list *owner);

/* Forgets what was asked for before a time and has no owner; what has one is looked for no more. */
void join_blocks_forget(struct join_blocks *blocks, uint64_t before_ns);

#endif
