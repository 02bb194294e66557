/* loop.h - the loop's insides: in which containers an op can stand, and how it gets there. What is
 * done with ops has headers of its own: op.h, cancel.h, close.h, call.h.
 *
 * What must hold: the state says in which container an op stands. Besides, an op in flight is
 * counted in loop->active and, unless it is a timer, a defer or a post, linked to its descriptor's
 * row (or among the loose ones) until its final call begins; it stands among the timers where it
 * has a deadline. Callbacks are called from run.c and a backend's reap and fulfil alone. */
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
    OP_IDLE,      /* in none: it is the caller's */
    OP_WAITING,   /* with the backend: which bits of its own say where */
    OP_TIMED,     /* timers: a sleep or an every */
    OP_WORKING,   /* the work pool's queue, one of its threads, or the inbox on its way back */
    OP_LISTENING, /* listening: waits for a signal */
    OP_POSTED,    /* the inbox, put there by another thread */
    OP_CLOSING,   /* its row alone: a close that waits for the other ops of the descriptor */
    OP_PARKED,    /* its row alone: started on a number whose close is with the kernel */
    OP_STARVED,   /* buffers.starved: until a buffer comes back to the pool */
    OP_NEXT_TURN, /* next_turn: then a defer is finished, and others are late */
    OP_LATE,      /* late: the backend fulfils it in this turn */
    OP_FINISHED,  /* finished: its result waits to be called */
    OP_CALLING,   /* in none: its callback runs, and is not the final one. One whose request the
                     kernel goes on with is OP_WAITING in its callbacks, too */
};

/* Further bits of hark_op.marks; the first is HARK_MARK_MORE. */
enum {
    MARK_CANCELLED = 2,  /* a cancel was asked for */
    MARK_EXPIRED = 4,    /* its deadline has passed */
    MARK_GUARDED = 8,    /* a write that must raise no SIGPIPE: counted in guarded_writes */
    MARK_PAIR = 16,      /* it has two descriptors: pair.h */
    MARK_NO_MEMORY = 32, /* it ends because its deadline could not be kept */
    MARK_CLOSED = 64,    /* a close that is with the kernel: its number is no longer its own */
    MARK_EVICTED = 128,  /* a close waits for it to end */
    MARK_PATIENT = 256,  /* a close that lets what is being sent go on */
    MARK_BACKEND = 512,  /* and above: the backend's own */

    /* a final call that needs more than the call */
    MARKS_RARE =
        MARK_EXPIRED | MARK_GUARDED | MARK_NO_MEMORY | MARK_CLOSED | MARK_EVICTED | MARK_PAIR,
};

struct work_pool; /* work_pool.c */

/* Look-ups of names: those that wait for their turn, and how many the pool has (net/lookup.c). */
struct lookups {
    struct hark_lookup_job *first, *last;
    uint32_t running;
};

/* Whether somebody has to wake the loop, and how. */
enum loop_sleep {
    LOOP_AWAKE,
    LOOP_SLEEPS,         /* in its own wait */
    LOOP_SLEEPS_OUTSIDE, /* another loop sleeps in its stead (hark_run_ready) */
};

struct hark_loop {
    const struct hark_backend *backend;
    void *backend_state;
    uint64_t now_ns;
    uint64_t active;
    struct recorder *recorder; /* NULL: nothing is recorded (trace.h) */
    uint64_t wish;             /* from outside, to record: the last one that was looked at */
    int wish_fd;               /* what it records into because of that; -1: it does not */
    uint64_t last_id;          /* of the ops started here: see hark_op_id */
    uint64_t submissions;      /* entries into the kernel that can have taken requests with them */
    struct op_queue finished;
    struct op_queue late; /* after the finished ones, which may give back what these need */
    struct op_queue next_turn;
    struct hark_op *calling; /* a finished op in a call that is not its final one */
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
    _Atomic(uint8_t) sleeping; /* enum loop_sleep */
    _Atomic(bool) stopped;
    int wake_fd;
    _Atomic(int) outside_fd; /* written to wake the loop that this one is inside of */
    int signal_slot; /* which of the process's slots for loops that ask for signals, or -1 */

    _Alignas(64) struct hark_metrics metrics;
    struct work_pool *pool;
    uint32_t workers_max;
    uint32_t cancelled_all; /* how often hark_cancel_all was called */
    struct lookups lookups;
    struct hark_op *listening; /* hark_signal_each ops, linked through with.signal.next */
    struct checking *checking; /* of a checking build, else NULL */
    char refusals[HARK_BACKEND_KINDS][160];
#ifdef HARK_KERNEL_APART
    struct recorder *onlooker; /* loop_onlooker; NULL: nobody looks on */
#endif
};

/* The recorder of whoever looks on from outside of a simulated kernel, beside the process's own and
 * without its knowing (trace/recorder.h). */
static inline struct recorder *loop_onlooker(const struct hark_loop *loop)
{
#ifdef HARK_KERNEL_APART
    return loop->onlooker;
#else
    (void)loop;
    return NULL;
#endif
}

/* Whether anybody is told of its stages. */
static inline bool loop_is_recorded(const struct hark_loop *loop)
{
    return loop->recorder || loop_onlooker(loop);
}

/* Where the system calls of the loop's thread are counted. */
static inline uint64_t *calls_of(struct hark_loop *loop)
{
    return &loop->metrics.system_calls;
}

/* The loop's number stands above this bit of its ops' ids. */
enum { LOOP_NUMBER_SHIFT = 40 };

/* --- where an op goes --- */

/* The result is known: the op is called in its turn. */
static inline void loop_finish(struct hark_loop *loop, struct hark_op *op, int64_t result)
{
    op->result = result;
    op->state = OP_FINISHED;
    op_queue_push(&loop->finished, op);
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
    op_chain_push(&buffers->starved, op);
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
    bool transfers =
        op->code == HARK_OP_RECV || op->code == HARK_OP_SEND || op->code == HARK_OP_SEND_ZC;
    return transfers && op->with.io.offset > 0 ? op->with.io.offset : -ECANCELED;
}

/* hark_stop was called. */
static inline bool loop_should_stop(struct hark_loop *loop)
{
    return atomic_load_explicit(&loop->stopped, memory_order_relaxed);
}

#endif
