/* recorder.h - the rings into which a loop writes the stages of its ops (hark/trace.h), and the
 * writing.
 *
 * One thread writes to a ring at a time: the loop's to the first, whichever holds the pool's lock
 * to the second. Readers may be anywhere; words are stored as atomics, which costs nothing, and the
 * count of events last. */
#ifndef TRACE_RECORDER_H
#define TRACE_RECORDER_H

#include "base/check.h"
#include "hark/op.h"
#include "hark/trace.h"
#include "kernel/kernel.h"
#include "trace/ticks.h"

#include <stdatomic.h>

/* Whoever wants to know of callbacks that take long (src/stall): told of each callback, and looked
 * at by a thread of its own. */
struct recorder_watch {
    _Atomic uint64_t running;  /* the id of the op whose callback runs; 0: none does */
    _Atomic uint64_t began_ns; /* written before `running` */
    _Atomic int kind;
    _Atomic int thread;  /* the one that runs the loop, as gettid(2) */
    _Atomic bool parked; /* the thread sleeps until `wake` */
    uint64_t limit_ns;
    void (*wake)(struct recorder_watch *watch);
    /* A callback has held the loop for limit_ns or longer, and has returned. */
    void (*over)(struct recorder_watch *watch, uint64_t op, int kind, uint64_t held_ns);
    void (*end)(struct recorder_watch *watch); /* the loop goes */
    /* In a child the loop goes, and the thread is not there. */
    void (*after_fork)(struct recorder_watch *watch);
};

/* What a loop keeps while it is recorded, or watched, or both. */
struct recorder {
    struct hark_trace_ring *loop, *pool; /* NULL: no events are kept */
    struct recorder_watch *watch;        /* NULL: nobody watches */
    bool probed;                         /* somebody looks at the probes (core/probes.h) */
    uint64_t asking;                     /* the id of the op whose callback runs; 0: none does */
    bool yields;                         /* the rings go if somebody outside wants others */
    uint64_t *words;                     /* the first ring's events */
    uint64_t mask;                       /* of the place of an event in them */
    uint64_t requested;                  /* the op that was requested last, if it was not tried */
    bool asleep;                         /* the wait has begun, and that it is over is not told */
    uint64_t try_ns;                     /* when the call of an op began that is being made */
    /* A result that came back, and is no event yet: most often its callback is the next, and tells
     * that too. */
    uint64_t returned; /* the op's id; 0: there is none */
    int64_t returned_result;
    int32_t returned_fd;
    uint8_t returned_kind;
    bool returned_any_time; /* it may have come since the last event: another thread brought it */
    /* With CPUs as they are a reading of the time costs more than all else here, so neighbours
     * share one: until the program has run, or a system call was made. */
    struct ticks ticks;
    uint64_t now_ns;         /* the last reading; none is less than the one before */
    uint64_t now_calls;      /* *calls at that time */
    const uint64_t *loop_ns; /* readings of the loop's own, hark_loop_now */
    const uint64_t *calls;   /* system calls of the loop's thread so far */
    bool returns_any_time;   /* results come also between two system calls of the loop's */
    void *memory;
    size_t bytes;
#ifdef HARK_KERNEL_APART
    uint64_t (*clock)(void); /* an onlooker's; NULL: it is the process that reads its clock */
#endif
};

#ifdef HARK_KERNEL_APART
/* Whoever looks on from outside of a simulated kernel: each loop that is made has a recorder of his
 * then, beside the process's own, of which the process notices nothing: not by the clock, nor by
 * memory or calls. */
struct recorder_onlooker {
    /* Gives: NULL: not of this one. */
    struct recorder *(*open)(uint32_t loop, int backend);
    void (*close)(struct recorder *recorder);
};

extern const struct recorder_onlooker *recorder_onlooker; /* NULL: there is none */
#endif

_Static_assert(sizeof(struct hark_trace_event) == 32, "four words, stored one by one");
_Static_assert(sizeof(struct hark_trace_ring) == 128,
               "two cache lines, the second of which changes");
_Static_assert(offsetof(struct hark_trace_ring, written) == 64, "what changes begins a line");

/* Makes the rings.
 * Takes: a recorder without any; events a power of two; fd: a file to keep them in, which stays the
 *   caller's; -1: memory.
 * Fails: -ENOMEM, -ENOSPC, and what else sizing and mapping a file gives. */
int recorder_open(struct recorder *recorder, uint32_t events, int fd,
                  const struct hark_trace_ring *facts);

void recorder_close(struct recorder *recorder);

/* In a child: its rings may be the parent's as well, and are left without a word. */
void recorder_after_fork(struct recorder *recorder);

/* The same without asking for memory, and without giving it back: what is recorded stands there.
 * Takes: memory: zeroed, recorder_bytes of it. */
void recorder_lay_out(struct recorder *recorder, void *memory, uint32_t events,
                      const struct hark_trace_ring *facts);
void recorder_end(struct recorder *recorder);

static inline size_t recorder_bytes(uint32_t events)
{
    return 2 * (sizeof(struct hark_trace_ring) + (size_t)events * sizeof(struct hark_trace_event));
}

static inline struct hark_trace_event *recorder_events(const struct hark_trace_ring *ring)
{
    return (struct hark_trace_event *)((uintptr_t)ring + ring->header_bytes);
}

/* --- the time --- */

/* In place, in the one function that the loop calls for each stage (core/stages.c). */
#define RECORDER_INLINE static inline __attribute__((always_inline))

RECORDER_INLINE uint64_t recorder_time(const struct recorder *recorder)
{
#ifdef HARK_KERNEL_APART
    if (recorder->clock)
        return recorder->clock();
#endif
    (void)recorder;
    return kernel_clock_gettime(CLOCK_MONOTONIC);
}

/* An onlooker's costs nothing. */
RECORDER_INLINE bool recorder_clock_is_free(const struct recorder *recorder)
{
#ifdef HARK_KERNEL_APART
    return recorder->clock;
#else
    (void)recorder;
    return false;
#endif
}

RECORDER_INLINE uint64_t recorder_is_now(struct recorder *recorder, uint64_t now_ns)
{
    if (now_ns > recorder->now_ns)
        recorder->now_ns = now_ns;
    recorder->now_calls = *recorder->calls;
    return recorder->now_ns;
}

/* A reading from the clock itself: of what somebody else has done, who may have read that. */
RECORDER_INLINE uint64_t recorder_exact(struct recorder *recorder)
{
    return recorder_is_now(recorder, recorder_time(recorder));
}

/* A reading of its own: the program may have run. */
RECORDER_INLINE uint64_t recorder_clock(struct recorder *recorder)
{
    if (recorder_clock_is_free(recorder))
        return recorder_exact(recorder);
    return recorder_is_now(recorder, ticks_clock(&recorder->ticks));
}

/* The time, where nothing but the loop itself has run since the last event. */
RECORDER_INLINE uint64_t recorder_moment(struct recorder *recorder)
{
    if (*recorder->calls != recorder->now_calls || recorder_clock_is_free(recorder))
        return recorder_clock(recorder);
    if (*recorder->loop_ns > recorder->now_ns)
        recorder->now_ns = *recorder->loop_ns;
    return recorder->now_ns;
}

/* --- the events (what they tell is in hark/trace.h) --- */

/* The last word of an event: where its fields stand depends on the machine. They are put together
 * in a register: words that are written in parts and read as a whole make the CPU wait. */
RECORDER_INLINE uint64_t recorder_tail(uint32_t fd, enum hark_trace_what what, uint8_t kind,
                                       uint16_t flags)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return fd | (uint64_t)what << 32 | (uint64_t)kind << 40 | (uint64_t)flags << 48;
#else
    return (uint64_t)fd << 32 | (uint64_t)what << 24 | (uint64_t)kind << 16 | flags;
#endif
}

RECORDER_INLINE uint64_t recorder_tail_of(const struct hark_op *op, enum hark_trace_what what,
                                          uint16_t flags)
{
    return recorder_tail((uint32_t)op->fd, what, op->code, flags);
}

/* Puts an event at the end.
 * What must hold for readers: no word of event n is seen before the count has become n. So whoever
 * has read a count of n afterwards knows that the events up to n - capacity may be overwritten, and
 * that no other is. */
RECORDER_INLINE void recorder_put_into(struct hark_trace_ring *ring, uint64_t *words, uint64_t mask,
                                       uint64_t time_ns, uint64_t op, int64_t value, uint64_t tail)
{
    uint64_t at = ring->written;
    uint64_t *to = words + 4 * (at & mask);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    __atomic_store_n(&to[0], time_ns, __ATOMIC_RELAXED);
    __atomic_store_n(&to[1], op, __ATOMIC_RELAXED);
    __atomic_store_n(&to[2], (uint64_t)value, __ATOMIC_RELAXED);
    __atomic_store_n(&to[3], tail, __ATOMIC_RELAXED);
    __atomic_store_n(&ring->written, at + 1, __ATOMIC_RELEASE);
}

/* The result that came back last, if its callback has not told of it. */
void recorder_put_returned(struct recorder *recorder);

/* Takes: a recorder whose `loop` is there. */
RECORDER_INLINE void recorder_put(struct recorder *recorder, uint64_t time_ns, uint64_t op,
                                  int64_t value, uint64_t tail)
{
    recorder_put_into(recorder->loop, recorder->words, recorder->mask, time_ns, op, value, tail);
}

/* --- the stages --- */

RECORDER_INLINE void recorder_request(struct recorder *recorder, const struct hark_op *op)
{
    recorder->requested = op->id;
    if (!recorder->loop)
        return;
    if (unlikely(recorder->returned))
        recorder_put_returned(recorder);
    recorder_put(recorder, recorder_clock(recorder), op->id, (int64_t)recorder->asking,
                 recorder_tail_of(op, HARK_TRACE_REQUEST, 0));
}

RECORDER_INLINE void recorder_delegate(struct recorder *recorder, const struct hark_op *op)
{
    bool is_timer = op->code == HARK_OP_SLEEP || op->code == HARK_OP_EVERY;
    uint64_t value = is_timer ? op->with.timer.at_ns : ((uint64_t)(uintptr_t)op | op->id << 48);
    if (!recorder->loop)
        return;
    if (unlikely(recorder->returned))
        recorder_put_returned(recorder);
    recorder_put(recorder, recorder_moment(recorder), op->id, (int64_t)value,
                 recorder_tail_of(op, HARK_TRACE_DELEGATE, 0));
}

/* Takes: any_time: it may have come since the last event: another thread brought it. */
RECORDER_INLINE void recorder_return(struct recorder *recorder, const struct hark_op *op,
                                     int64_t result, bool any_time)
{
    if (unlikely(recorder->returned))
        recorder_put_returned(recorder);
    recorder->returned = op->id;
    recorder->returned_result = result;
    recorder->returned_fd = op->fd;
    recorder->returned_kind = op->code;
    recorder->returned_any_time = any_time;
}

/* The loop's own thread is about to make the call of an op. */
RECORDER_INLINE void recorder_try(struct recorder *recorder)
{
    if (unlikely(recorder->returned))
        recorder_put_returned(recorder);
    recorder->try_ns = recorder_moment(recorder);
    recorder->requested = 0;
}

RECORDER_INLINE void recorder_tried(struct recorder *recorder, const struct hark_op *op,
                                    int64_t result)
{
    if (!recorder->loop)
        return;
    uint64_t now_ns = recorder_moment(recorder);
    uint64_t took_ns = now_ns - recorder->try_ns;
    recorder_put(recorder, now_ns, op->id, result,
                 recorder_tail(took_ns < UINT32_MAX ? (uint32_t)took_ns : UINT32_MAX,
                               HARK_TRACE_RETURN, op->code, HARK_TRACE_TRIED));
}

/* A callback that runs: what is needed of its op, which it may free. */
struct recorder_call {
    uint64_t op;
    uint64_t began_ns;
    uint64_t tail;
};

RECORDER_INLINE int recorder_call_kind(const struct recorder_call *call)
{
    return (int)(call->tail >> (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 40 : 16) & 0xff);
}

void recorder_watch_begin(struct recorder_watch *watch, struct recorder_call call);
void recorder_watch_end(struct recorder_watch *watch, struct recorder_call call, uint64_t now_ns);

RECORDER_INLINE struct recorder_call recorder_call(struct recorder *recorder,
                                                   const struct hark_op *op, int64_t result)
{
    struct recorder_call call = {
        .op = op->id,
        .tail = recorder_tail_of(op, 0, hark_op_more(op) ? HARK_TRACE_MORE : 0),
    };
    uint64_t tail = call.tail | recorder_tail(0, HARK_TRACE_CALL, 0, 0);
    bool exact = false;
    if (recorder->returned == call.op && recorder->returned_result == result) {
        tail |= recorder_tail(0, 0, 0, HARK_TRACE_RETURNED);
        exact = recorder->returned_any_time;
        recorder->returned = 0;
    } else if (unlikely(recorder->returned)) {
        recorder_put_returned(recorder);
    }
    call.began_ns = unlikely(exact) ? recorder_exact(recorder) : recorder_moment(recorder);
    recorder->asking = call.op;
    if (likely(recorder->loop))
        recorder_put(recorder, call.began_ns, call.op, result, tail);
    if (unlikely(recorder->watch))
        recorder_watch_begin(recorder->watch, call);
    return call;
}

/* Takes: recorder: NULL: nothing happens; result: as before. */
RECORDER_INLINE void recorder_called(struct recorder *recorder, struct recorder_call call,
                                     int64_t result)
{
    if (!recorder)
        return;
    uint64_t now_ns = recorder_clock(recorder);
    recorder->asking = 0;
    if (likely(recorder->loop)) {
        if (unlikely(recorder->returned))
            recorder_put_returned(recorder);
        recorder_put(recorder, now_ns, call.op, result,
                     call.tail | recorder_tail(0, HARK_TRACE_CALLED, 0, 0));
    }
    if (unlikely(recorder->watch))
        recorder_watch_end(recorder->watch, call, now_ns);
}

/* It waits: handed on with that, unless it has been already.
 * Gives: whether it is. */
bool recorder_wait(struct recorder *recorder, const struct hark_op *op);

void recorder_sleep(struct recorder *recorder, uint64_t timeout_ns);
/* The wait is over, if that was not told yet.
 * Takes: now_ns: a reading of the clock since; 0: there is none.
 * Gives: whether it is told now. */
bool recorder_wake(struct recorder *recorder, uint64_t now_ns);

/* Under the pool's lock. */
void recorder_perform(struct recorder *recorder, const struct hark_op *op, uint32_t thread);
/* Takes: done_ns: when its call had returned. */
void recorder_performed(struct recorder *recorder, const struct hark_op *op, uint64_t done_ns);

#endif
