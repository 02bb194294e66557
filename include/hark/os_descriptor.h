/* os_descriptor.h - the calls on open descriptors, made at once by the thread that calls.
 *
 * They take no loop, so any thread may make them, such as a function of hark_work; an op on the
 * same descriptor may be in flight meanwhile. They wait as long as the system call does: on a
 * loop's thread they are for what never waits, and the ops of file.h and net.h for everything else.
 * What a signal interrupts before it has done anything is made again. No loop counts them among its
 * system calls. As with the calls of os.h, the kernel that answers can be another than the
 * machine's.
 *
 * Gives, unless it says otherwise: 0; a negative errno as the system call of that name would. What
 *   comes back through a pointer is written on success alone.
 * Fails, for every call here: -EBADF.
 * Thread: any.
 */
#ifndef HARK_OS_DESCRIPTOR_H
#define HARK_OS_DESCRIPTOR_H

#include "base.h"
#include <sys/types.h>

HARK_BEGIN

struct pollfd;
struct stat;

/* read(2), write(2): at the file's own position, which moves. A write into a pipe or socket without
 * a reader raises SIGPIPE, unless the program ignores that.
 * Gives: the bytes moved, which may be fewer; 0 from a read: the end, or count is 0.
 * Fails: -EAGAIN it is non-blocking, and there is nothing, or no room; -EISDIR, -EPIPE, -EFBIG,
 *   -ENOSPC, -EIO. */
HARK_API int64_t hark_os_read(int fd, void *bytes, size_t count);
HARK_API int64_t hark_os_write(int fd, const void *bytes, size_t count);

/* pread(2): at an offset; the file's position stays.
 * Gives: the bytes read, which may be fewer; 0 the end, or count is 0.
 * Fails: -EISDIR, -EINVAL a negative offset; -ESPIPE it cannot seek; -EIO. */
HARK_API int64_t hark_os_pread(int fd, void *bytes, size_t count, int64_t offset);

/* recv(2).
 * Takes: flags: 0 or its flags, such as MSG_DONTWAIT.
 * Gives: the bytes received, which may be fewer; 0 the end, or count is 0.
 * Fails: -ENOTSOCK, -EAGAIN, -ECONNRESET, -ECONNREFUSED, -ENOTCONN. */
HARK_API int64_t hark_os_recv(int fd, void *bytes, size_t count, int flags);

/* send(2), which raises no SIGPIPE.
 * Takes: flags: 0 or its flags, such as MSG_DONTWAIT.
 * Gives: the bytes taken, which may be fewer.
 * Fails: -ENOTSOCK, -EAGAIN, -EPIPE, -EMSGSIZE, -ENOTCONN. */
HARK_API int64_t hark_os_send(int fd, const void *bytes, size_t count, int flags);

/* poll(2), for a thread without a loop.
 * Takes: timeout_ms: 0: it does not wait; negative: for ever.
 * Gives: how many of the descriptors have something to tell, in their revents; 0 the time is over.
 *   A descriptor that is not open tells so with POLLNVAL.
 * Fails: -EINTR a signal came: who waits looks at his time first; -EINVAL more descriptors than the
 *   process may have. */
HARK_API int hark_os_poll(struct pollfd *watched, unsigned count, int timeout_ms);

/* fstat(2). The program that calls is compiled for the same sizes of file offsets and times as the
 * library: that only differs where both can be 32 bits.
 * Gives: 0 and *out_status. */
HARK_API int hark_os_fstat(int fd, struct stat *out_status);

/* isatty(3): whether it is a terminal. */
HARK_API bool hark_os_isatty(int fd);

/* A second descriptor of what an open one stands for, close-on-exec: fcntl(2) with F_DUPFD_CLOEXEC.
 * Gives: the descriptor, the caller's to close.
 * Fails: -EMFILE. */
HARK_API int hark_os_dup(int fd);

/* flock(2): locks a file against whoever locks it as well, until the lock is given back or the last
 * descriptor of this opening is closed.
 * Takes: operation: LOCK_SH, LOCK_EX or LOCK_UN, with LOCK_NB where it shall not wait.
 * Fails: -EWOULDBLOCK with LOCK_NB: another has it; -EINVAL, -ENOLCK. */
HARK_API int hark_os_flock(int fd, int operation);

/* close(2) of a descriptor that no loop has an op on; one that a loop knows is closed by hark_close
 * or hark_os_close. The number is free whatever it gives.
 * Fails: -EIO, -ENOSPC, -EDQUOT what was written before has not reached the file. */
HARK_API int hark_os_close_unknown(int fd);

HARK_END

#endif
