/* loop.h - the loop's insides, and the op's life cycle: what core, backends and the starting
 * functions share.
 *
 * An op's way: IDLE -> op_begin -> (WAITING | TIMED | WORKING | LISTENING | POSTED | CLOSING) ->
 * FINISHED -> final call -> IDLE What must hold: an op in flight is counted in loop->active and,
 * unless it is a timer or a post, linked to its descriptor's row (or among the loose ones) until
 * its final call begins. Callbacks are called from run.c and a backend's reap alone. */
#ifndef CORE_LOOP_H
#define CORE_LOOP_H

#include "base/check.h"
#include "base/inbox.h"
#include "base/op_queue.h"
#include "base/thread_number.h"
#include "base/timers.h"
#include "core/backend.h"
#include "core/buffers.h"
#include "core/checking.h"
#include "core/descriptors.h"
#include "hark/loop.h"
#include "hark/metrics.h"
#include "hark/op.h"
#include "kernel/kernel.h"
#include "trace/recorder.h"

#include <signal.h>

_Static_assert(sizeof(void *) != 8 || sizeof(struct hark_op) == 104,
               "it is part of every connection of every program");

enum op_state {
    OP_IDLE,      /* the caller's */
    OP_WAITING,   /* with the backend */
    OP_TIMED,     /* a sleep or an every: among the timers */
    OP_WORKING,   /* with the work pool */
    OP_LISTENING, /* waits for a signal */
    OP_POSTED,    /* in the inbox, put there by another thread */
    OP_CLOSING,   /* a close that waits for its descriptor's ops */
    OP_PARKED, /* started on a number whose close is with the kernel: goes on once that has ended */
    OP_CALLING,   /* in a call that is not the final one, and nowhere else */
    OP_STARVED,   /* among those that wait for a buffer of the pool */
    OP_LATE,      /* in the queue of late ops: the backend fulfils it when its turn comes */
    OP_NEXT_TURN, /* in the queue of the next turn: a defer is finished then, others are late */
    OP_FINISHED,  /* its result is known and waits to be called */
};

/* Further bits of hark_op.marks; the first is HARK_MARK_MORE. */
enum {
    MARK_CANCELLED = 2,  /* a cancel was asked for */
    MARK_EXPIRED = 4,    /* its deadline has passed */
    MARK_GUARDED = 8,    /* a write that must raise no SIGPIPE: counted in guarded_writes */
    MARK_NO_MEMORY = 32, /* it ends because its deadline could not be kept */
    MARK_CLOSED = 64,    /* a close that is with the kernel: its number is no longer its own */
    MARK_EVICTED = 128,  /* a close waits for it to end */
    MARK_PATIENT = 256,  /* a close that lets what is being sent go on */
    MARK_BACKEND = 512,  /* and above: the backend's own */

    /* a final call that needs more than the call */
    MARKS_RARE = MARK_EXPIRED | MARK_GUARDED | MARK_NO_MEMORY | MARK_CLOSED | MARK_EVICTED,
};

struct work_pool;

struct hark_loop {
    const struct hark_backend *backend;
    void *backend_state;
    uint64_t now_ns;
    uint64_t active;
    struct recorder *recorder; /* NULL: nothing is recorded (trace.h) */
    uint64_t last_id;          /* of the ops started here: see hark_op_id */
    uint64_t submissions; /* entries into the kernel that can have handed it what was requested */
    struct op_queue finished; /* results that wait to be called */
    struct op_queue late;     /* after the finished ones, which may give back what these need */
    struct op_queue next_turn;
    struct hark_op *calling; /* a finished op in a call that is not its final one: an every stands
                                 nowhere else then */
    struct descriptors descriptors;
    struct timers timers;
    struct buffers buffers;
    uint32_t turn_max;
    uint64_t thread; /* the number of the one that runs it, or ran it last; 0: none has */
    bool running;
    bool lingers; /* several posts came in the last turn: it looks once more before it sleeps, as
                     more may be on their way */
    bool sigpipe_guarded;
    bool sigpipe_was_blocked;
    uint64_t guarded_writes; /* in flight, with MARK_GUARDED */

    /* Touched by other threads. */
    _Alignas(64) struct inbox inbox;
    _Atomic(bool) sleeping;
    _Atomic(bool) stopped;
    int wake_fd;
    int signal_slot; /* which of the process's slots for loops that ask for signals, or -1 */

    _Alignas(64) struct hark_metrics metrics;
    struct work_pool *pool;
    uint32_t workers_max;
    struct hark_op *listening; /* hark_signal_each ops, linked through with.signal.next */
    struct checking *checking; /* of a checking build, else NULL */
    char refusals[HARK_BACKEND_KINDS][160];
};

/* Where the system calls of the loop's thread are counted. */
static inline uint64_t *calls_of(struct hark_loop *loop)
{
    return &loop->metrics.system_calls;
}

/* The loop's number stands above this bit of its ops' ids. */
enum { LOOP_NUMBER_SHIFT = 40 };

/* --- the life cycle (op.c) --- */

/* An op has been started: from here on it is in flight. */
static inline void op_count_start(struct hark_loop *loop, struct hark_op *op)
{
    op->id = ++loop->last_id;
    loop->active++;
    loop->metrics.requested[op->code]++;
    if (unlikely(loop->recorder))
        recorder_request(loop->recorder, op);
    checking_begin(loop, op);
}

/* Puts an op in flight. The caller fills the arguments in, then hands it on. */
static inline void op_begin(struct hark_loop *loop, struct hark_op *op, enum hark_op_code code,
                            int fd, hark_done *done)
{
    check_rule(op->state == OP_IDLE,
               "an op was started that is in flight, or that was not zeroed before its first start",
               op, op->fd);
    check_rule(done, "an op was started without a callback", NULL, fd);
    op->loop = loop;
    op->done = done;
    op->fd = fd;
    op->code = (uint8_t)code;
    checking_thread(loop, op, fd);
    op->state = OP_WAITING;
    op->marks = 0;
    op->timer = 0;
    op->backend_bits = 0;
    op_count_start(loop, op);
}

/* The four places of an op's way that a trace sees: begun (op_count_start), delegated and returned,
 * called (call.h). These two are called wherever an op goes out of the loop's hands, to the kernel,
 * the pool or the timers, and comes back: as often as that happens, so more than once where a call
 * would block, or a request repeats. An op that is refused before, or cancelled while it waits for
 * room, is not among them. */
static inline void op_delegated(struct hark_loop *loop, const struct hark_op *op)
{
    if (unlikely(loop->recorder))
        recorder_delegate(loop->recorder, op);
    checking_delegated(loop, op);
}

/* Takes: result: what came back with it. */
static inline void op_returned(struct hark_loop *loop, const struct hark_op *op, int64_t result)
{
    if (unlikely(loop->recorder))
        recorder_return(loop->recorder, op, result);
    checking_returned(loop, op, result);
}

/* The start of an op whose descriptor has no row yet, or is being closed (op.c). */
void op_start_on_rare_descriptor(struct hark_loop *loop, struct hark_op *op);

/* Hands an op with its arguments to the backend: checks the descriptor and links the op to its
 * row. */
static inline void op_start_on_descriptor(struct hark_loop *loop, struct hark_op *op)
{
    struct descriptor *row = descriptors_find(&loop->descriptors, op->fd);
    if (unlikely(!row || row->flags & (DESCRIPTOR_CLOSING | DESCRIPTOR_RELEASED)))
        return op_start_on_rare_descriptor(loop, op);
    descriptors_link(&row->ops, op);
    checking_given(loop, op);
    loop->backend->start(loop, op);
}

/* The same for ops without a descriptor, or with AT_FDCWD. */
void op_start_loose(struct hark_loop *loop, struct hark_op *op);

/* Links an op that the core itself keeps (work, signals) among the loose ones, so that cancel_all
 * finds it. */
static inline void op_link_loose(struct hark_loop *loop, struct hark_op *op)
{
    op->fd = -1;
    descriptors_link(&loop->descriptors.loose, op);
}

/* Makes a row for a number that is open: a wrong one must not cost memory.
 * Fails: -EBADF, -ENOMEM. */
int op_make_row(struct hark_loop *loop, int fd);

/* Sees to it that an op ends, as hark_cancel does. */
void op_cancel(struct hark_loop *loop, struct hark_op *op);

/* A sendmsg that names a unix socket: where that takes no more, the sender is told EAGAIN and that
 * it is writable. */
bool op_sends_to_unix_name(const struct hark_op *op);

/* The result is known: the op is called in its turn. */
static inline void loop_finish(struct hark_loop *loop, struct hark_op *op, int64_t result)
{
    op->result = result;
    op->state = OP_FINISHED;
    op_queue_push(&loop->finished, op);
}

/* The same with what a call has given that was made in place, in the loop's own thread. */
static inline void loop_finish_at_once(struct hark_loop *loop, struct hark_op *op, int64_t result)
{
    op_delegated(loop, op);
    op_returned(loop, op, result);
    loop_finish(loop, op, result);
}

/* The result can be had at once, but is better had late: an op that takes a buffer takes it only
 * when it is called. The backend's fulfil() is called in its turn. */
static inline void loop_finish_late(struct hark_loop *loop, struct hark_op *op)
{
    op->state = OP_LATE;
    op_queue_push(&loop->late, op);
}

/* It goes on in the next turn, which does not sleep before it: the backend's fulfil() is called in
 * it, a defer is finished. */
static inline void loop_next_turn(struct hark_loop *loop, struct hark_op *op)
{
    op->state = OP_NEXT_TURN;
    op_queue_push(&loop->next_turn, op);
}

/* It receives into a buffer of the pool, and there is none: it waits behind all others that do. The
 * backend's feed() lets it go on. */
static inline void loop_starve(struct hark_loop *loop, struct hark_op *op)
{
    struct buffers *buffers = &loop->buffers;
    loop->metrics.buffers_exhausted += buffers->free + buffers->offered == 0;
    op->state = OP_STARVED;
    op_queue_push(&buffers->starved, op);
}

/* Whether the next turn has something to do, whatever comes from outside. */
static inline bool loop_has_more(const struct hark_loop *loop)
{
    return loop->finished.first || loop->late.first || loop->next_turn.first ||
           buffers_can_feed(&loop->buffers);
}

/* The result of an op that is cancelled: what it has moved already, of one that moves all or
 * nothing, is not forgotten. */
static inline int64_t loop_cancelled_result(const struct hark_op *op)
{
    bool transfers = op->code == HARK_OP_RECV || op->code == HARK_OP_SEND;
    return transfers && op->with.io.offset > 0 ? op->with.io.offset : -ECANCELED;
}

/* After a call that was not final, of an op in state OP_CALLING: ends it where that was asked for,
 * else lets it go on. */
void op_continue(struct hark_loop *loop, struct hark_op *op);

static inline bool loop_should_stop(struct hark_loop *loop)
{
    return atomic_load_explicit(&loop->stopped, memory_order_relaxed);
}

/* --- what else the core offers to those above --- */

/* Drops what the table knew of a number: it is about to be closed, or it is new from the kernel
 * (and was closed behind the loop's back before). */
void loop_forget_descriptor(struct hark_loop *loop, int fd);

/* Whether no op is in flight on the number but polls that have ended and wait for their final call
 * (op.c). */
bool op_row_is_free(struct hark_loop *loop, int fd);

/* Signals that have arrived since the last call (signals.c). */
void signals_deliver(struct hark_loop *loop);
bool signals_pending(const struct hark_loop *loop);
void signals_end(struct hark_loop *loop, struct hark_op *op);
void signals_done(struct hark_loop *loop);

/* The work pool (work_pool.c): runs the op on a thread (its own function, or file_call); it comes
 * back through the inbox with its result. The op is linked already. */
void work_pool_submit(struct hark_loop *loop, struct hark_op *op);

/* The same, but where the pool cannot take the op it is left as it was.
 * Fails: -ENOMEM, -EAGAIN. */
int work_pool_try(struct hark_loop *loop, struct hark_op *op);
bool work_pool_withdraw(struct hark_loop *loop, struct hark_op *op);
void work_pool_withdraw_all(struct hark_loop *loop);
/* The threads record into it from here on; NULL: into none, and none is writing to one any more. */
void work_pool_record(struct hark_loop *loop, struct recorder *recorder);
void work_pool_destroy(struct hark_loop *loop);

/* A file op as a blocking system call, for the pool (file_call.c). Gives its result. */
int64_t file_call(struct hark_op *op);

/* Whether opening would wait for the other side, were it a named pipe.
 * Takes: a HARK_OP_OPENAT. */
bool file_open_may_wait(const struct hark_op *op);

/* The call of a HARK_OP_READ, WRITE, READV or WRITEV at the position of fd, which may be another
 * than the op's. */
int64_t file_io(uint64_t *calls, const struct hark_op *op, int fd);

#endif
