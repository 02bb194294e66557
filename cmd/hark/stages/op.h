/* op.h - one call of one op with the times of its stages, and what else is known of it. This is
 * what the table, the stories, the picture and the page are made from. */
#ifndef HARK_COMMAND_STAGES_OP_H
#define HARK_COMMAND_STAGES_OP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "hark.h"

/* A loop that is traced, of whichever process. */
struct trace_loop {
    uint32_t pid;
    uint32_t thread; /* 0: it has not slept yet */
    uint32_t number;
    enum hark_backend_kind backend;
    char process[20]; /* the name of its program; "" if that is not known */
    uint64_t started_ns;
    uint64_t events;
    uint64_t lost; /* events that were overwritten before they were read */
    uint64_t turns;
    uint64_t asleep_ns;
    uint64_t first_ns, last_ns; /* of its events */
    uint64_t callbacks;
    uint64_t callbacks_ns;
};

/* Something that the kernel's tracepoints tell of an op. */
struct trace_fact {
    struct trace_fact *next;
    uint64_t time_ns; /* CLOCK_MONOTONIC */
    int32_t cpu;      /* -1: it is of none */
    uint8_t stage;    /* under which of the seven it stands: 3 to 6 */
    bool guess;       /* joined by time and order, not by a number of its own */
    uint64_t device;  /* as in struct stat; 0: none */
    uint64_t sector;
    char what[28];  /* the tracepoint: "block_rq_issue" */
    char text[104]; /* what it tells: "virtio1, 8 sectors from 1234" */
};

/* Whose callback asked for an op. */
struct trace_ancestor {
    uint64_t id; /* 0: nobody's */
    int32_t fd;
    uint8_t kind;
};

enum { TRACE_ANCESTORS = 3 };

/* Bits of trace_op.flags. */
enum {
    TRACE_OP_UNSEEN = 1,   /* asked for before the trace began, or before events were lost */
    TRACE_OP_AGAIN = 2,    /* a call of a repeating op that is not its first: its life begins where
                              the call before it has ended */
    TRACE_OP_MORE = 4,     /* more calls followed */
    TRACE_OP_POOL = 8,     /* a thread of the work pool performed it */
    TRACE_OP_QUEUED = 16,  /* it stood in io_uring's queue from queued_ns to delegated_ns */
    TRACE_OP_RETURNED = 32 /* its result was seen to come back */
};

/* Times are of CLOCK_MONOTONIC; 0 where a stage was not seen. Those that are there grow from the
 * first to the last. */
struct trace_op {
    uint64_t id; /* hark_op_id */
    struct trace_loop *loop;
    uint64_t request_ns;   /* 2 */
    uint64_t queued_ns;    /* 3: it was handed on; io_uring: into the queue */
    uint64_t delegated_ns; /* 3: the kernel, the pool or the timers have it; io_uring: with the
                              loop's next wait */
    uint64_t performed_ns; /* 4: a thread, a worker or a device has begun */
    uint64_t done_ns;      /* 5: and is done */
    uint64_t woke_ns;      /* 6: the loop's wait has returned */
    uint64_t fetch_ns;   /* 6: the loop's own thread makes the op's system call, the last of them if
                              it made several; 0: it made none */
    uint64_t fetched_ns; /* 6: and that has returned */
    uint64_t returned_ns; /* 6: the loop has its result */
    uint64_t call_ns;     /* 7 */
    uint64_t called_ns;   /* 7: the callback has returned */
    uint64_t known_as;    /* io_uring's user_data; 0: it has none */
    uint64_t due_ns;      /* of a timer: when it is due; 0: not known */
    int64_t result;       /* of the call */
    int32_t fd;           /* its descriptor, or directory; -1: it has none */
    uint8_t kind;         /* enum hark_op_code */
    uint8_t flags;
    uint16_t tries;  /* how often its call was made, or it was handed on: more than once where it
                        would block */
    uint32_t thread; /* of the pool, as gettid(2); 0: none */
    struct trace_ancestor ancestors[TRACE_ANCESTORS]; /* the first is the nearest */
    struct trace_fact *facts;                         /* in the order of their times */

    struct trace_op *chain;       /* among those of the same hash of loop and id */
    struct trace_op *known_chain; /* and of known_as */
    struct list place;            /* in flight, or ended and not handed on */
    struct list queue;            /* in io_uring's queue until the loop waits */
};

/* The stretches of an op's way. */
enum trace_span {
    TRACE_SPAN_ASKED,    /* 2>3: until it is handed on */
    TRACE_SPAN_AWAY,     /* 3>6: until the loop has its result */
    TRACE_SPAN_WAITS,    /* 3>4: of that, until somebody begins with it */
    TRACE_SPAN_PERFORM,  /* 4>5: of that, the performing */
    TRACE_SPAN_BACK,     /* 5>6: of that, the way back into the loop */
    TRACE_SPAN_READY,    /* 6>7: until its callback has its turn */
    TRACE_SPAN_CALLBACK, /* 7: the callback */
    TRACE_SPAN_ALL,      /* 2>7: from the request to the callback's end */
    TRACE_SPANS,
};

/* "2>3". */
const char *trace_op_span_name(enum trace_span span);

/* How long a stretch was.
 * Gives: nanoseconds; TRACE_OP_UNKNOWN if one of its ends was not seen. */
#define TRACE_OP_UNKNOWN UINT64_MAX
uint64_t trace_op_span(const struct trace_op *op, enum trace_span span);

/* Whether ops of a kind end when somebody else does something, a peer or the clock: being away for
 * long is then no slowness. */
bool trace_op_kind_waits(int kind);

/* What makes an op slow: from the request to the callback's end; for kinds that wait for somebody
 * else, of that what was seen but 3>6. */
uint64_t trace_op_slowness(const struct trace_op *op);

/* Gives: the kind that has a name, or -1. */
int trace_op_kind_of(const char *name);

/* Some of all kinds: a bit for each. */
static inline uint64_t trace_op_kind_bit(int kind)
{
    return kind >= 0 && kind < HARK_OP_KINDS ? UINT64_C(1) << kind : 0;
}
_Static_assert(HARK_OP_KINDS <= 64, "a bit for each kind");

/* Attaches a copy of a fact, at its place in time.
 * Fails: -ENOMEM. */
int trace_op_add_fact(struct trace_op *op, const struct trace_fact *fact);

/* A copy with its facts, that stands in no list.
 * Fails: -ENOMEM. */
int trace_op_copy(const struct trace_op *op, struct trace_op *out_copy);

/* Frees what it has, not itself. */
void trace_op_done(struct trace_op *op);

#endif
