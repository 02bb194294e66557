/* op.h - the request: one object in the caller's memory, from its start to its one final call.
 *
 * The rules, for every op in every header:
 *
 *   Memory    A `struct hark_op` is zeroed once before its first start. Op and buffers (addresses,
 *             paths, vectors: all that the start was given) belong to the loop from the start until
 *             the final call begins, and to the caller from there on: inside it the op may be
 *             started again or freed. Starting an op that is in flight is a bug of the program and
 *             is asserted. Starting allocates nothing per op; tables inside the loop grow by
 *             doubling; if that fails the op ends with -ENOMEM.
 *   Outcome   Starting never fails and never calls back. Every outcome arrives as `done(op,
 *             result)`, called by hark_run alone: a count, a descriptor or 0; a negative errno
 *             if it failed. Each started op gets exactly one final call. Repeating ops
 *             (`*_each`, hark_every) get more calls before it; in those hark_op_more(op) is true.
 *   Ends      -ECANCELED after hark_cancel, hark_cancel_all, hark_close or hark_detach, -ETIMEDOUT
 *             after its deadline: or the real result, if that came first. -EBADF for a
 *             descriptor that is negative, not open, or being closed or detached.
 *   Order     Two ops in flight on one descriptor in the same direction end in no promised order.
 *   Thread    The loop's own, unless a function says otherwise.
 */
#ifndef HARK_OP_H
#define HARK_OP_H

#include "base.h"

HARK_BEGIN

struct hark_loop;
struct hark_op;
struct iovec;
struct msghdr;
struct sockaddr;
struct statx;
struct timespec;

/* Every kind of op, a row each: its code and its name. A row's place is the op's number, which
 * programs are built with: new rows go to the end, none is moved or taken out. Code that must treat
 * each kind has a switch without a default over these, so that the compiler names what a new row
 * still lacks. */
#define HARK_OPS(X)                                                                                \
    X(NOP, nop)                                                                                    \
    X(DEFER, defer)                                                                                \
    X(SLEEP, sleep)                                                                                \
    X(EVERY, every)                                                                                \
    X(POST, post)                                                                                  \
    X(WORK, work)                                                                                  \
    X(SIGNAL_EACH, signal_each)                                                                    \
    X(ACCEPT, accept)                                                                              \
    X(ACCEPT_EACH, accept_each)                                                                    \
    X(CONNECT, connect)                                                                            \
    X(RECV, recv)                                                                                  \
    X(RECV_EACH, recv_each)                                                                        \
    X(SEND, send)                                                                                  \
    X(RECVMSG, recvmsg)                                                                            \
    X(SENDMSG, sendmsg)                                                                            \
    X(SHUTDOWN, shutdown)                                                                          \
    X(SOCKET, socket)                                                                              \
    X(READ, read)                                                                                  \
    X(WRITE, write)                                                                                \
    X(READV, readv)                                                                                \
    X(WRITEV, writev)                                                                              \
    X(OPENAT, openat)                                                                              \
    X(CLOSE, close)                                                                                \
    X(DETACH, detach)                                                                              \
    X(FSYNC, fsync)                                                                                \
    X(FDATASYNC, fdatasync)                                                                        \
    X(FTRUNCATE, ftruncate)                                                                        \
    X(FALLOCATE, fallocate)                                                                        \
    X(STATX, statx)                                                                                \
    X(RENAMEAT, renameat)                                                                          \
    X(UNLINKAT, unlinkat)                                                                          \
    X(MKDIRAT, mkdirat)                                                                            \
    X(GETDENTS, getdents)                                                                          \
    X(COPY_FILE_RANGE, copy_file_range)                                                            \
    X(POLL, poll)                                                                                  \
    X(POLL_EACH, poll_each)                                                                        \
    X(WAITID, waitid)                                                                              \
    X(RECVMSG_EACH, recvmsg_each)                                                                  \
    X(SYMLINKAT, symlinkat)                                                                        \
    X(READLINKAT, readlinkat)                                                                      \
    X(LINKAT, linkat)                                                                              \
    X(FCHMODAT, fchmodat)                                                                          \
    X(FCHOWNAT, fchownat)                                                                          \
    X(UTIMENSAT, utimensat)                                                                        \
    X(SETXATTRAT, setxattrat)                                                                      \
    X(GETXATTRAT, getxattrat)                                                                      \
    X(LISTXATTRAT, listxattrat)                                                                    \
    X(REMOVEXATTRAT, removexattrat)                                                                \
    X(SEND_ZC, send_zc)                                                                            \
    X(SPLICE, splice)

enum hark_op_code {
#define HARK_OP_ENUM(code, name) HARK_OP_##code,
    HARK_OPS(HARK_OP_ENUM)
#undef HARK_OP_ENUM
};

#define HARK_OP_ROW(code, name) +1
enum { HARK_OP_KINDS = 0 HARK_OPS(HARK_OP_ROW) };
#undef HARK_OP_ROW

/* The registered callback, stage 7. See the rules above. */
typedef void hark_done(struct hark_op *op, int64_t result);

/* The work of hark_work: runs on a thread of the pool; what it returns is the op's result. */
typedef int64_t hark_work_function(struct hark_op *op);

/* What an op was started with. Private: read by the backends. */
union hark_op_arguments {
    struct {
        void *bytes; /* or the vector, or the msghdr, or the lent buffer */
        size_t count;
        int64_t offset; /* the bytes already moved, for send and recv with MSG_WAITALL */
        int32_t flags;
        uint32_t buffer; /* recv_each: which buffer of the pool is lent, plus one; 0 none */
    } io;
    struct {
        struct sockaddr *name; /* connect: where to; accept: filled in, or NULL */
        uint32_t *length;
        uint32_t count;
        int32_t flags;
    } address;
    struct {
        const char *from;
        const char *to; /* symlinkat: what the link holds */
        union {
            struct statx *status;
            const struct timespec *times; /* utimensat */
            char *text;                   /* readlinkat */
            uint32_t group;               /* fchownat */
        };
        int32_t flags;
        /* mkdirat, fchmodat: mode; statx: mask; renameat, linkat: the second directory; readlinkat:
         * the room; fchownat: the owner */
        uint32_t mode;
    } path;
    struct {
        const char *path;
        const char *name;
        void *value;
        uint32_t size;
        int32_t flags; /* AT_ and XATTR_ */
    } attribute;
    struct {
        const char *path;
        uint64_t flags, mode, resolve; /* the kernel's struct open_how */
    } open;
    struct {
        int64_t offset;
        int64_t count;
        int32_t mode;
    } range;
    struct {
        int64_t from_offset;
        int64_t to_offset;
        size_t count;
        int32_t to; /* the second descriptor */
    } copy;
    struct {
        int64_t offset;       /* of the end that has one */
        struct hark_op *next; /* among those of the other descriptor */
        uint32_t count;
        int32_t other; /* the descriptor at which it does not stand */
        uint16_t flags;
        uint8_t fruitless; /* how often both were ready, and nothing was moved */
        bool offset_is_of_target;
        bool at_target; /* it stands at the descriptor that is written to */
        bool waits;     /* for the one that it stands at to be ready */
    } splice;
    struct {
        uint64_t at_ns;
        uint64_t period_ns;
        uint64_t deadline_ns;
    } timer;
    struct {
        hark_work_function *function;
    } work;
    struct {
        int32_t family, type, protocol;
    } socket;
    struct {
        uint32_t events;
    } poll;
    struct {
        /* how often the kernel had been entered when the close was handed over */
        uint64_t submissions;
    } close;
    struct {
        struct hark_op *next; /* the loop's next op that asks for signals */
        int32_t number;
    } signal;
};

/* One request. Zeroed by the caller before its first start; every field is the loop's while it is
 * in flight. What every event touches stands in the first 64 bytes. */
struct hark_op {
    hark_done *done;
    struct hark_loop *loop; /* the loop that it was last started on: may be read */
    int32_t fd;
    uint8_t code; /* enum hark_op_code */
    uint8_t state;
    uint16_t marks;
    uint32_t timer; /* its number among the timers, plus one; 0 none */
    union {
        uint32_t backend_bits; /* with the backend: its own */
        uint32_t ticket;       /* in the inbox: its place there */
    };
    struct hark_op *queued; /* next in whichever queue it stands */
    uint64_t id;            /* which start this is; see hark_op_id */
    struct hark_op *next;   /* among the ops of its descriptor */
    struct hark_op **link;  /* what points at it there; NULL: it is in no such list */
    union hark_op_arguments with;
    union {
        int64_t result;
        struct hark_op *before; /* while it waits in a queue that is left from the middle */
    };
};

/* Bits of `marks`. Private, but for the inline functions below. */
enum { HARK_MARK_MORE = 1, HARK_MARK_CUT = 0x8000 };

/* Whether more calls follow this one: true in every call of a repeating op but its final one.
 * Takes: the op, inside its callback. */
static inline bool hark_op_more(const struct hark_op *op)
{
    return (op->marks & HARK_MARK_MORE) != 0;
}

/* Whether the op is in flight: started, its final call not begun. A zeroed op is not. */
static inline bool hark_op_active(const struct hark_op *op)
{
    return op->state != 0;
}

/* The kind of op that it was started as last.
 * Takes: an op that has been started. */
static inline enum hark_op_code hark_op_kind(const struct hark_op *op)
{
    return HARK_CAST(enum hark_op_code, op->code);
}

/* The descriptor that it was started on; -1 if its kind has none. Also in its final call. Of a
 * hark_splice that is in flight: either of its two, the one that it waits for last.
 * Takes: an op that has been started. */
static inline int hark_op_fd(const struct hark_op *op)
{
    return op->fd;
}

/* A number that names this start of the op and no other: the loop's number in the upper 24 bits,
 * below it how many starts the loop has seen. It does not come again in the life of a process that
 * makes fewer than 16 million loops, each with fewer than a million million starts.
 * io_uring carries as user_data, and shows in the kernel's own traces, the op's address, and above
 * its 48 bits the lowest 16 of this number.
 * Takes: an op in flight. A post has its number once its loop takes it in. */
static inline uint64_t hark_op_id(const struct hark_op *op)
{
    return op->id;
}

/* The name of a kind of op, "recv"; "unknown" if there is none.
 * Thread: any. */
HARK_API const char *hark_op_name(int code);

/* Does nothing, and is called back once the kernel has seen it (uring: IORING_OP_NOP; elsewhere:
 * next turn).
 * Gives: 0. */
HARK_API void hark_nop(struct hark_loop *loop, struct hark_op *op, hark_done *done);

/* Calls back in the next turn of the loop, without the kernel: after everything that this turn
 * handles.
 * Gives: 0. */
HARK_API void hark_defer(struct hark_loop *loop, struct hark_op *op, hark_done *done);

/* Asks that an op in flight end soon.
 * Takes: any op; NULL, a zeroed op and one that is not in flight: nothing happens.
 * Gives: nothing at once; the op's one final call follows, with -ECANCELED, or with its real result
 *   if that came first (a disk already at work, a function already running on the pool, and a
 *   close cannot be stopped). A repeating op may be called with what had already arrived before its
 *   final call.
 * Owns: op and buffers stay the loop's until the final call. */
HARK_API void hark_cancel(struct hark_op *op);

/* Cancels every op in flight on the loop: the first half of an orderly end; hark_run, the second,
 * returns when all have had their final calls. */
HARK_API void hark_cancel_all(struct hark_loop *loop);

/* Gives an op in flight a deadline; past it, it ends with -ETIMEDOUT, or with its real result if
 * that came first.
 * Takes: deadline_ns on the clock of hark_now, any value: one that has passed ends the op in the
 *   next turn; HARK_NEVER takes the deadline away. Called again, it moves the deadline. On an op
 *   that is not in flight nothing happens.
 * Fails: if the table of timers cannot grow, the op ends with -ENOMEM. */
HARK_API void hark_op_deadline(struct hark_op *op, uint64_t deadline_ns);

#define HARK_NEVER UINT64_MAX

HARK_END

#endif
