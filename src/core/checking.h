/* checking.h - what the checking build (meson setup -Dchecking=true) looks for: rules of the API
 * whose breach costs too much to see in every build. It keeps a list of the ops in flight and of
 * what they were given, looks over it between callbacks, and keeps the lent buffers that are with
 * the pool filled with a pattern. A breach is told in one line, and the process aborts
 * (rule_broken).
 *
 * What must hold: only what the program does can be told. Where the kernel may have written,
 * nothing is looked at. In other builds all of this is empty. What it catches, and what it cannot:
 * docs/GUIDE.md. */
#ifndef CORE_CHECKING_H
#define CORE_CHECKING_H

#include "hark/op.h"

struct buffers;
struct checking; /* the list (checking_list.h) */

#ifdef HARK_CHECKING

/* With the loop.
 * Fails: -ENOMEM. */
int checking_init(struct hark_loop *loop);
void checking_done(struct hark_loop *loop);

/* A call that belongs to the thread that runs the loop. Before it is first run, and between runs,
 * any thread may make it.
 * Takes: op, fd: as rule_broken. */
void checking_thread(const struct hark_loop *loop, const struct hark_op *op, int fd);

/* An op's way: it is in flight; it has its arguments; its final call is about to be made. */
void checking_begin(struct hark_loop *loop, struct hark_op *op);
void checking_given(struct hark_loop *loop, const struct hark_op *op);
void checking_end(struct hark_loop *loop, const struct hark_op *op, int64_t result);

/* It goes out of the loop's hands, and comes back with a result: whether all that is told comes
 * from there. */
void checking_delegated(const struct hark_loop *loop, const struct hark_op *op);
void checking_returned(const struct hark_loop *loop, const struct hark_op *op, int64_t result);

/* An op comes out of the inbox: another thread has posted it, or worked on it. */
void checking_taken(struct hark_loop *loop, struct hark_op *op);

/* The program has run, in a callback or between two turns: whether the ops are as they were. Each
 * time some of them, in turn.
 * Takes: first: one to look at whatever its turn; NULL none. */
void checking_look(struct hark_loop *loop, const struct hark_op *first);

/* A turn is about to wait: whether an op that could be done has waited for too many
 * (checking_turns.c). */
void checking_turn(struct hark_loop *loop, bool sleeps);

/* The buffers of the pool (checking_pool.c). One leaves it, to be filled from this thread: whether
 * it is as it came back; the kernel has filled one; it was not filled; it comes back. */
void checking_buffer_out(const struct hark_loop *loop, void *buffer);
void checking_buffer_filled(const struct hark_loop *loop, void *buffer);
void checking_buffer_unused(const struct buffers *buffers, void *buffer);
void checking_buffer_back(const struct hark_loop *loop, void *buffer);

/* The buffer that an op was lent is about to be shown, with this many bytes received: the rest is
 * as it came back. */
void checking_lends(struct hark_loop *loop, const struct hark_op *op, int64_t received);

/* The pool's memory is about to go. */
void checking_pool_done(const struct buffers *buffers);

#else

static inline int checking_init(struct hark_loop *loop)
{
    (void)loop;
    return 0;
}

static inline void checking_done(struct hark_loop *loop)
{
    (void)loop;
}

static inline void checking_thread(const struct hark_loop *loop, const struct hark_op *op, int fd)
{
    (void)loop;
    (void)op;
    (void)fd;
}

static inline void checking_begin(struct hark_loop *loop, struct hark_op *op)
{
    (void)loop;
    (void)op;
}

static inline void checking_given(struct hark_loop *loop, const struct hark_op *op)
{
    (void)loop;
    (void)op;
}

static inline void checking_end(struct hark_loop *loop, const struct hark_op *op, int64_t result)
{
    (void)loop;
    (void)op;
    (void)result;
}

static inline void checking_delegated(const struct hark_loop *loop, const struct hark_op *op)
{
    (void)loop;
    (void)op;
}

static inline void checking_returned(const struct hark_loop *loop, const struct hark_op *op,
                                     int64_t result)
{
    (void)loop;
    (void)op;
    (void)result;
}

static inline void checking_taken(struct hark_loop *loop, struct hark_op *op)
{
    (void)loop;
    (void)op;
}

static inline void checking_look(struct hark_loop *loop, const struct hark_op *first)
{
    (void)loop;
    (void)first;
}

static inline void checking_turn(struct hark_loop *loop, bool sleeps)
{
    (void)loop;
    (void)sleeps;
}

static inline void checking_buffer_out(const struct hark_loop *loop, void *buffer)
{
    (void)loop;
    (void)buffer;
}

static inline void checking_buffer_filled(const struct hark_loop *loop, void *buffer)
{
    (void)loop;
    (void)buffer;
}

static inline void checking_buffer_unused(const struct buffers *buffers, void *buffer)
{
    (void)buffers;
    (void)buffer;
}

static inline void checking_buffer_back(const struct hark_loop *loop, void *buffer)
{
    (void)loop;
    (void)buffer;
}

static inline void checking_lends(struct hark_loop *loop, const struct hark_op *op,
                                  int64_t received)
{
    (void)loop;
    (void)op;
    (void)received;
}

static inline void checking_pool_done(const struct buffers *buffers)
{
    (void)buffers;
}

#endif

#endif
