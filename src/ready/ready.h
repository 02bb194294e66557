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
#include "hark/poll.h"

/* What a descriptor is: it decides how its ops are tried. */
enum ready_kind {
    KIND_UNKNOWN,
    KIND_TCP,    /* a short read means that nothing is left */
    KIND_STREAM, /* any other socket without message borders */
    KIND_SOCKET, /* datagrams, and all else */
    KIND_PIPE,   /* pipes, terminals, and all else that can be polled */
    KIND_FILE,   /* regular files, directories, disks: never ready or not; the work pool's */
};

enum {
    READY_IN = HARK_POLL_READABLE,
    READY_PRI = HARK_POLL_EXCEPTIONAL,
    READY_OUT = HARK_POLL_WRITABLE,
    READY_ERR = HARK_POLL_ERROR,
    READY_HUP = HARK_POLL_HANGUP,
    READY_RDHUP = HARK_POLL_PEER_HANGUP,
    READY_ALL = READY_IN | READY_PRI | READY_OUT | READY_RDHUP,
    READY_EVENTS = 0xffff,
    READY_EDGE = 0x4000, /* to watch: told once, when it comes */
};

/* hark_op.backend_bits: the events that the op waits for (READY_), and how it is tried. */
enum {
    TRY_ALWAYS =
        1 << 16, /* it is tried whatever is known of its descriptor: no event need ever come */
    TRY_REPEATS = 1 << 17, /* a result that is no error is not its last */
    TRY_FILE = 1 << 18,    /* its descriptor may be a regular file */
};

/* Further marks of an op. */
enum {
    MARK_STARVED = MARK_BACKEND,     /* among the ops that wait for a buffer */
    MARK_RECHECK = MARK_BACKEND * 2, /* looked at again in the next turn */
};

struct ready;

/* A poller: one page each (epoll.c, poll.c, select.c). */
struct ready_poller {
    bool edge;
    bool hangups; /* it can report hang-ups apart from readability */
    int limit;    /* descriptors from here on cannot be watched; INT_MAX: none */
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
    struct op_queue recheck; /* tried again in the next turn: hark_poll_each, and transfers that
                                have had their share */
    void *state;             /* the poller's own */
};

static inline struct ready *ready_of(const struct hark_loop *loop)
{
    return loop->backend_state;
}

/* A poller says that these events hold. */
void ready_report(struct ready *ready, int fd, uint32_t events);

/* What attempts give besides results. */
#define WOULD_BLOCK INT64_MIN

/* Has an op in OP_WAITING tried again in the next turn. */
void ready_recheck(struct hark_loop *loop, struct hark_op *op);

/* Tries an op's call without blocking (attempt.c). Gives its result, or WOULD_BLOCK. The row is
 * known. */
int64_t ready_attempt(struct hark_loop *loop, struct hark_op *op, struct descriptor *row);

/* Reads from a regular file what is in the page cache, all of it or nothing. Gives the count, or
 * WOULD_BLOCK. */
int64_t ready_read_cached(struct hark_loop *loop, struct hark_op *op);

/* What stands in hark_op.backend_bits while the op is in flight. */
uint32_t ready_bits_of(const struct hark_op *op);

/* The events that an op in flight waits for. */
static inline uint32_t ready_events_of(const struct hark_op *op)
{
    return op->backend_bits & READY_EVENTS;
}

/* Looks up what a descriptor is, once (kind.c).
 * Fails: -EBADF. */
int ready_look_up(struct hark_loop *loop, int fd, struct descriptor *row);

enum ready_kind ready_kind_of_socket(int family, int type, int protocol);

/* Notes a socket that the library itself made: nothing needs to be looked up. */
void ready_note_socket(struct hark_loop *loop, int fd, enum ready_kind kind);

/* The backends' functions, shared by all pollers (ready.c); each poller's create calls the
 * first. */
int ready_create(struct hark_loop *loop, const struct ready_poller *poller, char *out_reason,
                 size_t reason_room);
void ready_destroy(struct hark_loop *loop);
void ready_start(struct hark_loop *loop, struct hark_op *op);
void ready_fulfil(struct hark_loop *loop, struct hark_op *op);
void ready_again(struct hark_loop *loop, struct hark_op *op);
void ready_cancel(struct hark_loop *loop, struct hark_op *op);
int ready_wait(struct hark_loop *loop, uint64_t timeout_ns);
void ready_close(struct hark_loop *loop, struct hark_op *op);
void ready_forget(struct hark_loop *loop, int fd);

#define READY_BACKEND(kind_, name_, create_, descriptor_)                                          \
    {                                                                                              \
        .kind = (kind_), .name = (name_), .create = (create_), .destroy = ready_destroy,           \
        .start = ready_start, .again = ready_again, .fulfil = ready_fulfil,                        \
        .cancel = ready_cancel, .wait = ready_wait, .close = ready_close, .forget = ready_forget,  \
        .descriptor = (descriptor_),                                                               \
    }

#endif
