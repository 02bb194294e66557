/* join_requests.h - io_uring's requests: what the kernel told of each, by the thread whose ring it
 * is and by user_data. */
#ifndef HARK_COMMAND_TRACE_JOIN_REQUESTS_H
#define HARK_COMMAND_TRACE_JOIN_REQUESTS_H

#include "base/list.h"
#include "trace/join_blocks.h"
#include "trace/join_cpus.h"

/* Something that happened to it. */
struct join_moment {
    struct join_moment *next;
    uint64_t time_ns;
    int32_t cpu;
    int32_t thread; /* in whose time */
    int32_t value;
    uint8_t what;      /* enum trace_kernel_what */
    bool is_immediate; /* TRACE_KERNEL_COMPLETE: while it was submitted */
    struct join_cause cause;
};

struct join_ring;

struct join_request {
    struct join_request *chain;
    struct list place;  /* among all, the oldest first */
    struct list work;   /* among those that wait for a worker, or are with one */
    uint64_t user_data; /* without hark's tag */
    int32_t thread;     /* whose ring it is */
    uint64_t last_ns;
    size_t moment_count;
    const struct join_ring *ring; /* to which it was submitted; NULL: not seen */
    uint64_t left_ns;             /* the thread that submitted it did something else; 0: not yet */
    uint64_t batch;               /* with which it was submitted */
    uint8_t opcode;               /* IORING_OP_READ and the like */
    bool is_under_way;            /* submitted, and nothing was told of it since */
    bool is_complete;             /* as far as is known: a repeating one may go on */
    struct join_moment *moments;  /* the oldest first */
    struct join_moment **end;
    struct list blocks;
};

/* In the caller's memory; join_requests_begin first. */
struct join_requests {
    struct join_request **buckets;
    struct join_ring *rings;
    struct list all;
    size_t count;
    uint64_t left_out; /* for want of memory, or because there were too many */
};

/* Fails: -ENOMEM. */
int join_requests_begin(struct join_requests *requests);
void join_requests_done(struct join_requests *requests);

/* Takes events of any kind. */
void join_requests_take(struct join_requests *requests, const struct trace_kernel_event *event,
                        const struct join_cpus *cpus);

/* For whom a thread asks a device now.
 * Takes: event: TRACE_KERNEL_BLOCK_QUEUE.
 * Gives: NULL: for none that is known. *out_guess: it is one of several that workers have, or that
 *   are held back. */
struct join_request *join_requests_asking(struct join_requests *requests,
                                          const struct trace_kernel_event *event, bool *out_guess);

/* Gives: NULL: the kernel told of none. */
struct join_request *join_requests_find(const struct join_requests *requests, int32_t thread,
                                        uint64_t user_data);

/* Takes the oldest moment out, if it is not younger than a time. The caller frees it. */
struct join_moment *join_requests_next(struct join_request *request, uint64_t until_ns);

void join_requests_drop(struct join_requests *requests, struct join_request *request);

/* Forgets what was complete before a time and nobody asked after. */
void join_requests_forget(struct join_requests *requests, uint64_t before_ns);

#endif
