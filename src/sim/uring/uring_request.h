/* uring_request.h - a request of io_uring from its submission to its last completion. */
#ifndef SIM_URING_URING_REQUEST_H
#define SIM_URING_URING_REQUEST_H

#include "sim/net/socket_base.h"
#include "sim/uring/uring_queue.h"
#include "sim/world/seen.h"

enum request_state {
    REQUEST_ISSUED,  /* it is being worked on */
    REQUEST_POLLS,   /* in its file's queue */
    REQUEST_DELAYED, /* with a worker, or a device: until its event */
    REQUEST_WORKS,   /* in the ring's list of work */
    REQUEST_LENT,    /* it has completed, and its notification is to come */
};

enum request_stage {
    STAGE_TRY,      /* it is to be tried, again */
    STAGE_PERFORM,  /* the worker makes the call now */
    STAGE_COMPLETE, /* its result is known */
    STAGE_POLLED,   /* what it polls for may have happened */
};

struct request {
    struct request *next, *previous; /* of the ring */
    struct ring *ring;
    struct io_uring_sqe sqe;
    struct file *file; /* held; NULL: it is about none */
    enum request_state state;
    enum request_stage stage; /* what is to be done with it as work */
    struct request *next_work;
    struct waiter waiter;
    uint32_t polled; /* events that a wake-up told of */
    bool asks_poll;  /* a wake-up told of no event: the file is asked */
    struct event delay;
    struct seen_block block; /* what the disk does for it; zero: a worker does it */
    int64_t result;
    size_t done; /* bytes that have been moved, of a request that goes on until all are */
    bool connecting;
    bool is_lent; /* a send without a copy whose result has been told */
    struct socket_holder holder;
    size_t bytes_most; /* that a read or write of a regular file moves */
};

/* What the opcodes do with it. */
struct request_actions {
    /* Completes it, lets it poll, or delays it. */
    void (*try)(struct request *request);
    /* The worker's turn: makes the call. Gives: its result. */
    int64_t (*perform)(struct request *request);
    /* A poll was woken. */
    void (*polled)(struct request *request);
};

/* A request of a copy of the entry, which holds no file yet. */
struct request *request_create(struct ring *ring, const struct io_uring_sqe *sqe);

/* Cancels what was found, NULL: nothing was.
 * Gives: 0, -EALREADY, -ENOENT. */
int64_t request_cancel(struct request *found);

/* What the ring's thread has to go on with. */
void request_work(struct ring *ring);
bool request_has_work(const struct ring *ring);

/* Nothing is done for the ring any more, and its requests hold no file. */
void request_end_all(struct ring *ring);
/* They do nothing any more, but hold on to their files. */
void request_detach_all(struct ring *ring);

/* --- for the opcodes (uring_io.c) --- */

/* It stands in its file's queue, and is told of what wakes that: for polls. */
void request_watch(struct request *request);

/* The events that a request waits for before it is tried again. */
void request_poll(struct request *request, uint32_t events);

/* A worker makes the call, after this time. */
void request_delay(struct request *request, uint64_t ns);

/* Its last completion. */
void request_complete(struct request *request, int64_t result, uint32_t flags);

/* One of several completions. Gives whether it may go on. */
bool request_complete_more(struct request *request, int64_t result, uint32_t flags);

#endif
