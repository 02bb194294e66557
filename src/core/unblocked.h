/* unblocked.h - reading and writing where read(2) and write(2) may block: blocking pipes,
 * terminals, other devices.
 *
 * Such a descriptor is often shared with other processes, as standard input and output are, so it
 * is not made non-blocking. And that poll(2) calls it ready is not enough: a terminal that has room
 * for one byte waits for the others, and another process may be quicker. */
#ifndef CORE_UNBLOCKED_H
#define CORE_UNBLOCKED_H

#include "core/loop.h"

/* The call of a HARK_OP_READ, WRITE, READV or WRITEV, told not to wait.
 * Gives: true and *out_result, -EAGAIN where it would block; false where this kind of file takes no
 *   such call. */
bool unblocked_by_kernel(struct hark_loop *loop, const struct hark_op *op, int64_t *out_result);

/* The same for the others, with whatever it takes.
 * Gives: the result, or -EAGAIN. */
int64_t unblocked_by_hand(struct hark_loop *loop, const struct hark_op *op);

/* A descriptor of the same file that does not block, for one call. */
struct unblocked {
    int fd;
    int lent_by; /* whose O_NONBLOCK is set for the call; -1: fd is a description of its own */
    int flags;   /* that it had */
};

/* Takes: flags of the descriptor, without O_NONBLOCK; whether it has hung up: what has stays so for
 *   those that had it open, and opened anew it would be another session's.
 * Fails: what fcntl(2) gives. Else unblocked_done has to follow. */
int unblocked_for_call(struct hark_loop *loop, int fd, int flags, bool hung_up,
                       struct unblocked *out);
void unblocked_done(struct hark_loop *loop, const struct unblocked *one);

/* Sets O_NONBLOCK, for everybody who shares it: of sockets. Where it cannot be set it stays as it
 * is. */
void unblocked_for_good(struct hark_loop *loop, int fd);

/* Whether the file has a poll of its own: one that has none is always ready, and may block all the
 * same. */
bool unblocked_can_poll(struct hark_loop *loop, int fd);

#endif
