/* loop.h - the loop: its making, its running, and what it says of itself. */
#ifndef HARK_LOOP_H
#define HARK_LOOP_H

#include "base.h"

HARK_BEGIN

struct hark_loop;
struct hark_metrics;

/* The backends, from the best to the last resort. */
enum hark_backend_kind {
    HARK_BACKEND_AUTO, /* the environment's HARK_BACKEND, else uring, else epoll, else poll, else
                          select */
    HARK_BACKEND_URING,
    HARK_BACKEND_EPOLL,
    HARK_BACKEND_POLL,
    HARK_BACKEND_SELECT,
    HARK_BACKEND_KINDS,
};

/* How a loop is made. All zero is the default. */
struct hark_options {
    enum hark_backend_kind backend;
    /* uring: submission entries, rounded up to a power of two; 0: 256; 1 to 32768 */
    uint32_t entries;
    uint32_t completions;  /* uring: completion entries, rounded up to a power of two, at least
                              `entries`; 0: 16 for each  entry; 1 to 1048576. What finds no room the
                              kernel keeps until there is some: slower, not lost */
    uint32_t buffer_count; /* buffers that hark_recv_each lends, rounded up to a power of two; 0:
                              256; 1 to 32768 */
    uint32_t buffer_bytes; /* the size of each; 0: 16384; 64 to 16 MiB */
    uint32_t workers_max; /* threads of the work pool, started when first needed; 0: 4; 1 to 1024 */
    uint32_t turn_max;    /* callbacks handled before timers are looked at again; 0: 256 */
    uint64_t kinds;       /* uring: the kinds of ops that are started, 1 << HARK_OP_... of each: the
                             kernel refuses others with -EACCES, also where it is not the library
                             that writes to the ring; cancelling, closing and waking are always
                             among them. 0: all. Others than uring, and threads of the pool, are
                             bound by nothing: for them there is seccomp(2) */
};

/* One optional feature of the backend in use, for people and for tests. */
struct hark_feature {
    const char *name;    /* "recv_multishot" */
    const char *kernel;  /* the first Linux that has it, "6.0" */
    const char *instead; /* what is done without it */
    bool used;
};

/* Makes a loop. It belongs to the thread that runs it: all further calls come from there, but for
 * hark_post and hark_stop. Until it is first run, another thread may make it, start ops on it and
 * hand it over; and after the last run, destroy it.
 * Takes: options, or NULL for the defaults. Under HARK_BACKEND_AUTO the environment variable
 *   HARK_BACKEND (auto, uring, epoll, poll, select) chooses; if that is unset or auto, io_uring is
 *   tried, then epoll, poll and select. A backend that was named, by option or environment, is used
 *   or refused, never replaced. With any name but auto and uring no io_uring call is made.
 * Gives: 0 and *out_loop; release it with hark_loop_destroy.
 * Fails: -EINVAL an option is out of range, or HARK_BACKEND is no known name; -ENOMEM, -EMFILE,
 *   -ENFILE the machine's limits; as hark_trace_start if HARK_TRACE asks for a trace, but a
 *   directory that is not there, and -EINVAL HARK_TRACE_EVENTS is no size of a ring; for a named
 *   backend what refused it: -EPERM (io_uring_disabled, seccomp), -ENOSYS, -EOPNOTSUPP, -EINVAL an
 *   old kernel. */
HARK_API int hark_loop_create(const struct hark_options *options, struct hark_loop **out_loop);

/* Releases a loop that has no op in flight.
 * Takes: NULL: nothing happens.
 * Fails: -EBUSY ops are in flight (hark_cancel_all, hark_run, then again), or it is called from a
 *   callback.
 * Backends: on uring what a thread that is not the one that has run it destroys keeps its memory in
 *   the kernel until that one ends, which alone can take its registration back. */
HARK_API int hark_loop_destroy(struct hark_loop *loop);

/* In a child of fork(2): gives back what a loop of the parent holds there, its descriptors, threads
 * and memory, and leaves the parent's loop as it is: whatever was in flight goes on in the parent,
 * and in the child no callback comes for it. The child makes loops of its own (hark_loop_create).
 * It is not needed where the child goes on to exec, as every descriptor of a loop is closed then,
 * nor before _exit(2).
 *
 * What was in flight is the child's again: its ops are to be zeroed before they are used, its
 * descriptors are open and share their files with the parent's, and streams, listeners, groups and
 * children of the parent's loop are gone with it: their memory may be freed. Signals that the loop
 * asked for do again what they did before, and so does SIGPIPE.
 * Takes: a loop that hark_loop_create has made before the fork, in any state; NULL: nothing
 *   happens. A child that was forked inside a callback must not return from it.
 * Owns: the loop is no more.
 * Thread: the child's only one. If the parent had other threads, the child may only call what
 *   signal-safety(7) names until it execs, and this is not among that; glibc allows it
 *   nevertheless, as it puts malloc in order for the child. */
HARK_API void hark_after_fork(struct hark_loop *loop);

/* Runs: requests are submitted, callbacks called, and in between the process sleeps in one system
 * call, until no op is left in flight or hark_stop is called. A loop kept for posts alone holds one
 * op, such as hark_sleep_until(HARK_NEVER).
 * Gives: 0 no op is left; 1 stopped.
 * Fails: -EBUSY called from inside a callback; -EPERM on uring another thread has run the loop
 *   before: the kernel binds what is in flight to the first; what the kernel's wait answered where
 *   the loop cannot go on (-EBADF, -ENOMEM); the loop may be run again. */
HARK_API int hark_run(struct hark_loop *loop);

/* One turn: waits for at least one event, unless some are there, and handles a bounded batch of
 * them.
 * Gives: 1 ops are left in flight; 0 none is.
 * Fails: as hark_run. */
HARK_API int hark_run_once(struct hark_loop *loop);

/* One turn without waiting. Gives and fails as hark_run_once. Call it when hark_loop_descriptor is
 * readable or hark_loop_next_deadline has come, from another loop. */
HARK_API int hark_run_ready(struct hark_loop *loop);

/* Makes hark_run return after the callback that is running; called before hark_run, the next
 * hark_run returns at once.
 * Thread: any, and signal handlers: async-signal-safe. The loop must not be destroyed meanwhile. */
HARK_API void hark_stop(struct hark_loop *loop);

/* The time of this turn, in nanoseconds of CLOCK_MONOTONIC: read once when the turn wakes, so it
 * costs nothing. */
HARK_API uint64_t hark_now(const struct hark_loop *loop);

/* The ops in flight. */
HARK_API uint64_t hark_loop_active(const struct hark_loop *loop);

/* A descriptor that becomes readable when the loop has something to do: to run this loop inside
 * another. Call hark_run_ready once to begin with, and from then on when the descriptor is readable
 * and when hark_loop_next_deadline has come.
 * hark/adapters has that ready-made for GLib, sd-event and libuv.
 * Gives: the loop's descriptor; it stays the loop's. io_uring makes it when first asked; each turn
 *   then costs one to three calls more.
 * Fails: -ENOTSUP on the poll and select backends, which have none; on io_uring -EMFILE, -ENFILE,
 *   -ENOMEM as eventfd(2). */
HARK_API int hark_loop_descriptor(const struct hark_loop *loop);

/* When hark_run_ready is needed at the latest. Ask before each wait of the loop outside.
 * Gives: now, or a time that has passed, if callbacks wait, or requests that were started from
 *   outside wait to be submitted; HARK_NEVER if no timer or deadline runs. */
HARK_API uint64_t hark_loop_next_deadline(const struct hark_loop *loop);

/* "uring", "epoll", "poll" or "select". */
HARK_API const char *hark_loop_backend(const struct hark_loop *loop);

/* Why a better backend than the one in use was refused: "io_uring_setup: EPERM (...)".
 * Gives: NULL if that backend was not tried. The text is the loop's. */
HARK_API const char *hark_loop_refusal(const struct hark_loop *loop, enum hark_backend_kind kind);

/* The optional features of the loop's backend, in *out_features.
 * Gives: how many; 0 for backends without any. The environment variable HARK_URING_WITHOUT, names
 *   with commas, switches features off: a help for tests. */
HARK_API size_t hark_loop_features(const struct hark_loop *loop,
                                   const struct hark_feature **out_features);

/* The loop's counters; see metrics.h. The struct stays, and counts on, until the loop is
 * destroyed. */
HARK_API const struct hark_metrics *hark_loop_metrics(struct hark_loop *loop);

HARK_END

#endif
