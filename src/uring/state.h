/* state.h - the completion backend's state, shared by its files. */
#ifndef URING_STATE_H
#define URING_STATE_H

#include "core/loop.h"
#include "uring/ring.h"

/* The optional features, a row each: name, first Linux, what is done without it. */
#define URING_FEATURES(X)                                                                          \
    X(DEFER_TASKRUN, defer_taskrun, "6.1", "task work whenever the thread enters the kernel")      \
    X(COOP_TASKRUN, coop_taskrun, "5.19", "task work by interrupting the thread")                  \
    X(NO_SQARRAY, no_sqarray, "6.6", "an index array, filled once")                                \
    X(REGISTERED_RING, registered_ring, "5.18", "the ring by its descriptor")                      \
    X(ACCEPT_MULTISHOT, accept_multishot, "5.19", "one request for each accept")                   \
    X(RECV_MULTISHOT, recv_multishot, "6.0",                                                       \
      "one request for each receive; a poll and a call for each message")                          \
    X(WAITALL, waitall, "6.1", "one request for each part of a whole transfer")                    \
    X(SEND_ZC, send_zc, "6.1", "a plain send")                                                     \
    X(MSG_RING, msg_ring, "6.9", "messages to other loops wake them by a system call each")        \
    X(FTRUNCATE, ftruncate, "6.9", "the work pool")                                                \
    X(WAITID, waitid, "6.7", "a poll of the pidfd, and a call")                                    \
    X(NO_IOWAIT, no_iowait, "6.15", "idle waiting is shown as iowait")

enum uring_feature {
#define FEATURE_ENUM(code, name, kernel, instead) URING_##code,
    URING_FEATURES(FEATURE_ENUM)
#undef FEATURE_ENUM
        URING_FEATURE_COUNT
};

enum { WAKES_MAX = 8 };

struct uring {
    struct ring ring;
    struct op_chain backlog; /* ops whose entry, or whose cancel's entry, found no room */
    struct io_uring_buf_ring *buffer_ring;
    size_t buffer_ring_bytes;
    uint16_t buffer_tail;
    uint16_t calm_fills;     /* fills in a row that found most buffers still in the ring */
    uint32_t buffers_wanted; /* how many the ring shall hold */
    bool buffers_ran_out;    /* since the last wait */
    bool wake_armed;
    bool watch_armed;
    uint32_t watch_count;  /* ops that wait behind watch_fd */
    int watch_fd;          /* an epoll descriptor; see watch.c */
    uint32_t accepts_left; /* of a descriptor in the look that is being made */
    int stray;         /* a number, plus one, that this look reported though it is not registered */
    int stray_before;  /* and the look before */
    uint64_t looks;    /* how often what it reports was looked at */
    int event_fd;      /* stands for the ring in other loops; -1: nobody has asked for it */
    bool messages_out; /* some have gone out, and completions were not looked through for refusals
                          since */
    uint32_t wake_count; /* messages that go out with the next submission */
    struct uring_wake_entry {
        struct io_uring_sqe *sqe;
        int wake_fd; /* of the loop that it wakes */
    } wakes[WAKES_MAX];
    uint64_t for_pool; /* the kinds of op, a bit each, that have no request here: the work pool's */
    uint64_t apart;    /* those, and the kinds that are not simply submitted */
    struct hark_feature features[URING_FEATURE_COUNT];
};

/* Bits of hark_op.backend_bits. */
enum {
    OP_BACKLOGGED = 1,    /* in the backlog: waits for an entry */
    OP_CANCEL_WANTED = 2, /* with OP_BACKLOGGED: the entry is for its cancel */
    OP_CANCEL_SENT = 4,   /* the cancel's completion is still to come: the op cannot end before */
    OP_ENDED = 8,         /* its own completion has come, the result is in op->result */
    OP_POLLING = 16,      /* the kernel would not wait by itself: it polls, then starts anew */
    OP_WATCHED = 64,      /* waits behind watch_fd: the kernel has no request of it */
    OP_FED = 128,         /* it receives once, into a buffer that is kept for it */
    OP_DATAGRAMS = 256,   /* what it receives has borders */
    OP_IN_PARTS = 512,    /* it moves all, and is requested anew for what is left (parts.c) */
    OP_BY_CALL = 1024,    /* the ring polls, and the loop receives its messages */
    OP_LENDING = 2048,    /* its result is in op->result, the kernel still has its bytes */
    OP_COPIES = 4096,     /* the socket takes no bytes that are not copied */
};

/* A further mark of an op: it polls through the ring, and its read or write is done by the loop
 * (blocking.c). */
enum { MARK_BY_HAND = MARK_BACKEND };

/* What a row's `kind` holds, each 0 until it has been looked up. */
enum {
    ROW_BORDERS = 3,    /* of a socket's messages: datagrams.c */
    ROW_PAIR_SHIFT = 2, /* enum pair_kind: blocking.c */
    ROW_PAIR = 7 << ROW_PAIR_SHIFT,
    ROW_COPIES = 32, /* whether a socket takes bytes that are not copied: zero_copy.c */
    ROW_COPIES_NOT = 64,
};

/* What a completion belongs to. */
enum uring_tag {
    TAG_OP,
    TAG_CANCEL,
    TAG_POLL,
    TAG_WAKE,
};

/* What requests carry that belong to no op. */
enum uring_wake {
    WAKE_WRITTEN = TAG_WAKE,     /* wake_fd was written */
    WAKE_MESSAGE = TAG_WAKE + 4, /* another loop has sent a message */
    WAKE_REFUSED =
        TAG_WAKE +
        8, /* a message to another loop, whose wake_fd stands above WAKE_FD_SHIFT, was refused */
    WAKE_WATCH = TAG_WAKE + 12, /* watch_fd has something to report */
};
enum { WAKE_FD_SHIFT = 8, WAKE_MASK = (1 << WAKE_FD_SHIFT) - 1 };

/* What a request carries (user_data): the op's address in the lower 48 bits, and above them the
 * lowest of its id. As ops are aligned, the lowest two bits are free: there stands the tag. */
enum { TAG_MASK = 3, ADDRESS_BITS = 48 };
_Static_assert(_Alignof(struct hark_op) > TAG_MASK, "an op's address has room for a tag");

static inline uint64_t tagged(const struct hark_op *op, enum uring_tag tag)
{
    return (uint64_t)(uintptr_t)op | hark_op_id(op) << ADDRESS_BITS | tag;
}

static inline enum uring_tag tag_of(uint64_t user_data)
{
    return (enum uring_tag)(user_data & TAG_MASK);
}

static inline struct hark_op *op_of(uint64_t user_data)
{
    const uint64_t address = (UINT64_C(1) << ADDRESS_BITS) - 1;
    return (struct hark_op *)(uintptr_t)(user_data & (address ^ TAG_MASK));
}

static inline struct uring *uring_of(const struct hark_loop *loop)
{
    return loop->backend_state;
}

static inline bool uring_uses(const struct uring *uring, enum uring_feature feature)
{
    return uring->features[feature].used;
}

#endif
