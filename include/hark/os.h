/* os.h - what a program needs from the kernel and what never waits: plain calls with an answer.
 * They go through the loop, so that the kernel that answers can be another than the machine's. What
 * needs no loop, and what other threads ask for, is in os_descriptor.h, os_file.h, os_inotify.h and
 * os_process.h.
 *
 * Gives, unless it says otherwise: 0 or more; a negative errno as the system call of that name
 *   would.
 * Thread: the loop's.
 */
#ifndef HARK_OS_H
#define HARK_OS_H

#include "address.h"
#include "base.h"

HARK_BEGIN

struct hark_loop;

/* socket(2), close-on-exec and non-blocking.
 * Gives: the descriptor, to be closed with hark_close. */
HARK_API int hark_os_socket(struct hark_loop *loop, int family, int type, int protocol);

/* bind(2), listen(2), setsockopt(2), getsockopt(2), getsockname(2), getpeername(2). */
HARK_API int hark_os_bind(struct hark_loop *loop, int fd, const struct hark_address *address);
HARK_API int hark_os_listen(struct hark_loop *loop, int fd, int backlog);
HARK_API int hark_os_setsockopt(struct hark_loop *loop, int fd, int level, int option,
                                const void *value, socklen_t length);
HARK_API int hark_os_getsockopt(struct hark_loop *loop, int fd, int level, int option, void *value,
                                socklen_t *length);
HARK_API int hark_os_getsockname(struct hark_loop *loop, int fd, struct hark_address *out_address);
HARK_API int hark_os_getpeername(struct hark_loop *loop, int fd, struct hark_address *out_address);

/* Closes at once a descriptor with no op in flight. It may block if a file has to be written out
 * first: hark_close does not.
 * Fails: -EBUSY ops are in flight on it; -EBADF. */
HARK_API int hark_os_close(struct hark_loop *loop, int fd);

/* CLOCK_MONOTONIC and CLOCK_REALTIME in nanoseconds, read now. */
HARK_API uint64_t hark_os_clock(struct hark_loop *loop);
HARK_API uint64_t hark_os_wall_clock(struct hark_loop *loop);

/* Fills bytes with random ones, getrandom(2).
 * Gives: 0. */
HARK_API int hark_os_random(struct hark_loop *loop, void *bytes, size_t count);

/* Lets go of a descriptor without closing it: the loop forgets what it knew of it, and it may be
 * closed or used elsewhere. hark_detach does the same if ops are in flight. A poll that has been
 * cancelled, its final call still to come, is none; with the last of them on a descriptor
 * hark_cancel does this by itself.
 * Gives: 0.
 * Fails: -EBUSY ops are in flight on it. */
HARK_API int hark_os_forget(struct hark_loop *loop, int fd);

HARK_END

#endif
