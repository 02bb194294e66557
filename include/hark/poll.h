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

HARK_END

#endif
