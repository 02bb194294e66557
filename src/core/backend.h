/* backend.h - what a backend must do. The core owns the op's life cycle; a backend brings results.
 *
 * The contract:
 *   - start() gets an op that is in flight, linked to its descriptor, arguments in place. It ends
 *     it now or later, always through loop_finish, or, while reap runs, through call_final and
 *     call_more. It never calls back.
 *   - An op whose result is marked HARK_MARK_MORE when it is given to loop_finish stays in flight;
 *     after the callback the core hands it to again().
 *   - cancel() gets an op in state OP_WAITING, which only the backend puts an op into; it sees to
 *     it that the op ends.
 *   - wait() submits all that was requested and waits at most timeout_ns, in one system call. It
 *     must return when loop->wake_fd is written. It may call loop_finish, nothing else.
 *   - reap() calls back up to `budget` results that the backend holds itself. NULL where all go
 *     through loop_finish.
 *   - wake() has another loop woken by the next wait(), which costs no system call of its own. It
 *     says whether it will; else the caller wakes it. settle() is called when the loop is left: no
 *     wait() may follow, so what wake() said is done now.
 *   - Ops that the core keeps for the backend (loop_finish_late, loop_next_turn, loop_starve) come
 *     back through fulfil() and feed(), or are cancelled without it.
 *   - close() gets a hark_close once no other op is linked to its descriptor. */
#ifndef CORE_BACKEND_H
#define CORE_BACKEND_H

#include "hark/loop.h"
#include "hark/op.h"

struct hark_backend;

/* What a splice does next: see pair.h. */
enum pair_next {
    PAIR_ENDS,
    PAIR_WAITS,  /* it waits where it stands, and pair_try comes again */
    PAIR_AGAIN,  /* the same in the next turn, without waiting */
    PAIR_THREAD, /* a thread makes its call, as it may wait for a disk */
};

struct hark_backend {
    enum hark_backend_kind kind;
    const char *name;
    /* Fails with a negative errno and says in out_reason, of reason_room bytes, what refused it.
     * Leaves nothing behind then. */
    int (*create)(struct hark_loop *loop, const struct hark_options *options, char *out_reason,
                  size_t reason_room);
    void (*destroy)(struct hark_loop *loop);
    /* The calling thread is about to run the loop, and has not run it before.
     * Fails: it cannot. NULL: any thread may. */
    int (*adopt)(struct hark_loop *loop);
    void (*start)(struct hark_loop *loop, struct hark_op *op);
    /* What one of the descriptors of a splice is: enum pair_kind, looked up once.
     * Fails: -EBADF; -ERANGE it could not be waited for. */
    int (*pair_kind)(struct hark_loop *loop, int fd);
    /* What the core has found out that a splice does next: any enum pair_next but PAIR_ENDS. */
    void (*pair_go)(struct hark_loop *loop, struct hark_op *op, enum pair_next next);
    void (*again)(struct hark_loop *loop, struct hark_op *op);
    /* An op given to loop_finish_late, or to loop_next_turn before: calls back, or sees to it that
     * it goes on. NULL where none is given. */
    void (*fulfil)(struct hark_loop *loop, struct hark_op *op);
    /* Before a wait(), as buffers are free that ops starve for: lets as many ops of
     * buffers.starved go on as there are buffers (buffers_next_starved). */
    void (*feed)(struct hark_loop *loop);
    void (*cancel)(struct hark_loop *loop, struct hark_op *op);
    /* An op that polls wants other events from now on: op->with.poll. It may be in any state but
     * OP_PARKED. */
    void (*change)(struct hark_loop *loop, struct hark_op *op);
    int (*wait)(struct hark_loop *loop, uint64_t timeout_ns);
    uint32_t (*reap)(struct hark_loop *loop, uint32_t budget);
    /* Both NULL where there is no such way. */
    bool (*wake)(struct hark_loop *loop, const struct hark_loop *other);
    void (*settle)(struct hark_loop *loop);
    void (*close)(struct hark_loop *loop, struct hark_op *op);
    /* The number is about to mean another file: drop what the backend keeps elsewhere; the core
     * clears the row. May be NULL. */
    void (*forget)(struct hark_loop *loop, int fd);
    int (*descriptor)(const struct hark_loop *loop);
    /* Whether requests are still to be submitted. NULL: never. */
    bool (*has_more)(const struct hark_loop *loop);
    size_t (*features)(const struct hark_loop *loop, const struct hark_feature **out_features);
};

extern const struct hark_backend backend_uring, backend_epoll, backend_poll, backend_select;

#endif
