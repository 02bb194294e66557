/* stall.h - callbacks that hold the loop: reported while they still run, with their stack.
 *
 * A callback that takes long keeps everybody waiting: timers come late, sockets fill up. A loop
 * that is watched tells a thread of its own which callback runs; that thread sleeps while the loop
 * does, and looks at it at most once per limit while it works. Watching costs each callback two
 * readings of the clock. */
#ifndef HARK_STALL_H
#define HARK_STALL_H

#include "base.h"

HARK_BEGIN

struct hark_loop;

/* What held the loop. */
struct hark_stall {
    struct hark_loop *loop;
    uint64_t op;         /* hark_op_id of the op whose callback it is */
    int kind;            /* its enum hark_op_code */
    bool over;           /* the callback has returned; false: it still runs */
    uint64_t held_ns;    /* for so long, so far */
    void *const *frames; /* while it runs: the return addresses on the loop's stack, the innermost
                            first: as backtrace(3) gives them */
    int frame_count;     /* 0: it is over, or the thread did not answer; or the C library tells no
                            stacks, as musl does not */
};

/* Takes a report: a callback that is longer than the limit is reported once while it runs, and once
 * when it is over. One that is over before the watching thread gets a CPU is reported then alone.
 * Thread: the watching one while it runs, when nothing of the loop but hark_post and hark_stop may
 *   be used; the loop's when it is over. */
typedef void hark_stall_report(void *context, const struct hark_stall *stall);

struct hark_stall_options {
    uint64_t limit_ns;         /* from 1 ms on; 0: 100 ms */
    hark_stall_report *report; /* NULL: lines on standard error, with the stack */
    void *context;
    /* Sent to the loop's thread, whose handler looks at the stack; a call in which the callback
     * sleeps may end with EINTR, as signal(7) has it. 0: SIGURG, which does nothing to
     * programs that do not ask for it. While any loop of the process is watched its handler is the
     * library's; loops that are watched at one time use the same. */
    int signal;
};

/* Begins to watch the loop.
 * Takes: options, or NULL for the defaults.
 * Gives: 0.
 * Fails: -EALREADY it is watched; -EINVAL a limit below 1 ms, or a signal that cannot be caught or
 *   is not the one of the loops that are watched already; -EAGAIN no thread could be started;
 *   -EMFILE, -ENFILE; -ENOMEM. */
HARK_API int hark_stall_watch(struct hark_loop *loop, const struct hark_stall_options *options);

/* Ends the watching, and waits for a report that is being made. If the loop is not watched, nothing
 * happens. hark_loop_destroy does it, too. */
HARK_API void hark_stall_unwatch(struct hark_loop *loop);

HARK_END

#endif
