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
};

/* What a loop keeps while it is recorded, or watched, or both. */
struct recorder {
    struct hark_trace_ring *loop, *pool; /* NULL: no events are kept */
    struct recorder_watch *watch;        /* NULL: nobody watches */
    uint64_t asking;                     /* the id of the op whose callback runs; 0: none does */
    bool yields;                         /* the rings go if somebody outside wants others */
    void *memory;
    size_t bytes;
};

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

static inline struct hark_trace_event *recorder_events(const struct hark_trace_ring *ring)
{
    return (struct hark_trace_event *)((uintptr_t)ring + ring->header_bytes);
}

/* --- the stages (what they tell is in hark/trace.h) --- */

void recorder_sleep(struct recorder *recorder, uint64_t timeout_ns);
void recorder_wake(struct recorder *recorder);
void recorder_request(struct recorder *recorder, const struct hark_op *op);
void recorder_delegate(struct recorder *recorder, const struct hark_op *op);
void recorder_return(struct recorder *recorder, const struct hark_op *op, int64_t result);
/* Gives: what recorder_called takes, as the callback may have freed the op. */
struct hark_trace_event recorder_call(struct recorder *recorder, const struct hark_op *op,
                                      int64_t result);
/* Takes: recorder: NULL: nothing happens. */
void recorder_called(struct recorder *recorder, const struct hark_trace_event *call);
/* Under the pool's lock. */
void recorder_perform(struct recorder *recorder, const struct hark_op *op, uint32_t thread);
void recorder_performed(struct recorder *recorder, const struct hark_op *op);

#endif
