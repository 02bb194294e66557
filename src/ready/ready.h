/* ready.h - the completion engine over a readiness poller, and what a poller is.
 *
 * An op is tried at once; where it would block it waits in its descriptor's row until the poller
 * reports. What the last call did not disprove is kept in the row (descriptor.ready), so that no
 * call is made that can only say "would block". A poller watches what the waiting ops want, at each
 * moment, level-triggered. One that can be edge-triggered does so with descriptors that are only
 * polled, and watches all others for everything, from their first wait to their close. */
#ifndef READY_READY_H
#define READY_READY_H

#include "core/loop.h"
#include "core/stages.h"
#include "ready/events.h"

struct ready;

/* A poller: one page each (epoll.c, poll.c, select.c). */
struct ready_poller {
    bool edge;
    bool tells_errors; /* else an error is told as readiness */
    int limit;         /* descriptors from here on cannot be watched; INT_MAX: none */
    int (*create)(struct ready *ready, int wake_fd);
    void (*destroy)(struct ready *ready);
    /* Sets what is reported of fd: from `before` to `events`; 0: not watched.
     * Fails: a negative errno. */
    int (*watch)(struct ready *ready, int fd, uint32_t before, uint32_t events);
    /* Waits and calls ready_report for each descriptor. Gives 0 or a negative errno; EINTR is 0. */
    int (*wait)(struct ready *ready, uint64_t timeout_ns);
};

struct ready {
    struct hark_loop *loop;
    const struct ready_poller *poller;
    void *state; /* the poller's own */
    int edges;   /* edges.c: an epoll descriptor; EDGES_NONE at first */
};

static inline struct ready *ready_of(const struct hark_loop *loop)
{
    return loop->backend_state;
}

/* A poller's wait has returned, and nothing is reported yet. */
static inline void ready_woke(struct ready *ready)
{
    if (unlikely(loop_is_recorded(ready->loop)))
        stages_wake(ready->loop, 0);
}

/* A poller says that these events hold. */
void ready_report(struct ready *ready, int fd, uint32_t events);

/* --- edges.c: what a level-triggered poller would report without an end --- */

enum { EDGES_NONE = -1 };

/* As the poller's watch, where `before` or `events` have READY_EDGE: fd goes from the poller to
 * epoll, or away from there.
 * Fails: as epoll_create1(2) and epoll_ctl(2), -ERANGE, -ENOMEM: it is where it was. */
int edges_watch(struct ready *ready, int fd, uint32_t before, uint32_t events);

/* The poller says that there is something to tell. */
void edges_report(struct ready *ready);

void edges_close(struct ready *ready);

/* --- for the backends' tables --- */

/* The backends' functions, shared by all pollers (ready.c); each poller's create calls the
 * first. */
int ready_create(struct hark_loop *loop, const struct ready_poller *poller, char *out_reason,
                 size_t reason_room);
void ready_destroy(struct hark_loop *loop);
void ready_start(struct hark_loop *loop, struct hark_op *op);
int ready_pair_kind(struct hark_loop *loop, int fd);
void ready_pair_go(struct hark_loop *loop, struct hark_op *op, enum pair_next next);
/* The op, whose events do not hold, waits for them in its row. */
void ready_wait_at(struct hark_loop *loop, struct hark_op *op);
void ready_fulfil(struct hark_loop *loop, struct hark_op *op);
void ready_feed(struct hark_loop *loop);
void ready_again(struct hark_loop *loop, struct hark_op *op);
void ready_cancel(struct hark_loop *loop, struct hark_op *op);
void ready_change(struct hark_loop *loop, struct hark_op *op);
int ready_wait(struct hark_loop *loop, uint64_t timeout_ns);
void ready_close(struct hark_loop *loop, struct hark_op *op);
void ready_forget(struct hark_loop *loop, int fd);

#define READY_BACKEND(kind_, name_, create_, descriptor_)                                          \
    {                                                                                              \
        .kind = (kind_), .name = (name_), .create = (create_), .destroy = ready_destroy,           \
        .start = ready_start, .pair_kind = ready_pair_kind, .pair_go = ready_pair_go,              \
        .again = ready_again, .fulfil = ready_fulfil, .feed = ready_feed, .cancel = ready_cancel,  \
        .change = ready_change, .wait = ready_wait, .close = ready_close, .forget = ready_forget,  \
        .descriptor = (descriptor_),                                                               \
    }

#endif
