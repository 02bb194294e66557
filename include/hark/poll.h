/* poll.h - readiness, for the program that wants it: the three lists of select(2), and hang-up and
 * error, as flags. */
#ifndef HARK_POLL_H
#define HARK_POLL_H

#include "op.h"

HARK_BEGIN

/* The values are those of poll(2). */
enum hark_poll_events {
    HARK_POLL_READABLE = 0x001,    /* POLLIN */
    HARK_POLL_EXCEPTIONAL = 0x002, /* POLLPRI: priority data, such as TCP's urgent byte */
    HARK_POLL_WRITABLE = 0x004,    /* POLLOUT */
    HARK_POLL_ERROR = 0x008,       /* POLLERR: reported whether asked for or not */
    HARK_POLL_HANGUP = 0x010,      /* POLLHUP: reported whether asked for or not */
    HARK_POLL_PEER_HANGUP = 0x2000 /* POLLRDHUP: the peer has shut down its side */
};

/* Waits for one of the events. What has no poll of its own, such as a regular file, a directory or
 * /dev/null, is always readable and writable; nothing else can be waited for there.
 *
 * A descriptor that somebody else owns, such as a library that says what to wait for, may be closed
 * as soon as no poll is in flight on it: after hark_cancel of the last one, before its final call,
 * and from inside its callback. The number may come again at once. If the last poll was not
 * cancelled but has ended by itself, hark_os_forget says so to the loop before the close.
 * Takes: events: a set of enum hark_poll_events.
 * Gives: the set that holds, never empty.
 * Fails: -EBADF; -EINVAL an unknown event; -EPERM neither readable nor writable was asked for of
 *   what has no poll of its own; -ERANGE on select a descriptor past FD_SETSIZE.
 * Backends: select cannot tell HANGUP, ERROR and PEER_HANGUP from the lists themselves and asks
 *   poll(2) for them once it has woken. */
HARK_API void hark_poll(struct hark_loop *loop, struct hark_op *op, int fd, uint32_t events,
                        hark_done *done);

/* Waits for events again and again: level-triggered, a call in each turn in which one of the events
 * holds, until it is cancelled or fails. What is reported should be dealt with before the callback
 * returns, else it is reported again. */
HARK_API void hark_poll_each(struct hark_loop *loop, struct hark_op *op, int fd, uint32_t events,
                             hark_done *done);

/* Changes what a poll in flight waits for, without ending it: one call of the kernel, or none.
 * Takes: op: of hark_poll or hark_poll_each; if it is not in flight nothing happens. events: as
 *   hark_poll.
 * Gives: 0. An event of the former set that has come already may still be told, once.
 * Fails: -EINVAL an unknown event: nothing has changed. What the kernel refuses ends the op with
 *   that error, as when it was started.
 * Thread: the loop's. */
HARK_API int hark_poll_change(struct hark_op *op, uint32_t events);

/* What a poll waits for: the events that it was started with or changed to, and HARK_POLL_ERROR and
 * HARK_POLL_HANGUP, which always are among them.
 * Takes: op: of hark_poll or hark_poll_each, in flight. */
static inline uint32_t hark_op_events(const struct hark_op *op)
{
    return op->with.poll.events;
}

HARK_END

#endif
