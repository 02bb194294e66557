/* net.h - sockets: every call that may wait, as an op. Those that never wait are in os.h.
 *
 * The rules of op.h hold. MSG_ERRQUEUE never waits: it gives -EAGAIN if the queue is empty
 * (hark_poll for HARK_POLL_ERROR first). MSG_NOSIGNAL and MSG_DONTWAIT are always in force: nothing
 * raises SIGPIPE, nothing blocks. A descriptor that the loop has seen is closed with hark_close, or
 * taken back with hark_detach, never closed with close(2).
 * Fails, for every op here: -EBADF not open; -ENOTSOCK not a socket; -ENOMEM; -ENOSPC the user's
 *   epoll descriptors watch as much as they may (fs.epoll.max_user_watches); on select -ERANGE a
 *   descriptor of FD_SETSIZE or above.
 */
#ifndef HARK_NET_H
#define HARK_NET_H

#include "op.h"
#include <sys/socket.h>

HARK_BEGIN

/* Makes a socket, close-on-exec and non-blocking.
 * Gives: the descriptor.
 * Fails: as socket(2): -EAFNOSUPPORT, -EPROTONOSUPPORT, -EMFILE, -ENFILE, -EACCES. */
HARK_API void hark_socket(struct hark_loop *loop, struct hark_op *op, int family, int type,
                          int protocol, hark_done *done);

/* Accepts one connection; its descriptor is close-on-exec and non-blocking.
 * Takes: fd a listening socket; name and *length as accept(2), both NULL if not wanted; the
 *   loop's until the final call.
 * Gives: the descriptor, the caller's to close.
 * Fails: as accept(2): -EINVAL not listening, -EMFILE, -ENFILE, -EOPNOTSUPP. A connection that was
 *   gone already (-ECONNABORTED) is passed over. */
HARK_API void hark_accept(struct hark_loop *loop, struct hark_op *op, int fd, struct sockaddr *name,
                          socklen_t *length, hark_done *done);

/* Accepts connections until it is cancelled or fails: a call for each, as hark_accept gives it.
 * hark_os_getpeername tells the address.
 * Fails: as hark_accept; -EMFILE and -ENFILE end it too: hark_listener knows how to go on from
 *   there. */
HARK_API void hark_accept_each(struct hark_loop *loop, struct hark_op *op, int fd, hark_done *done);

/* Connects.
 * Takes: name of length bytes, the loop's until the final call.
 * Gives: 0.
 * Fails: as connect(2): -ECONNREFUSED, -EHOSTUNREACH, -ENETUNREACH, -ETIMEDOUT, -EADDRNOTAVAIL,
 *   -EISCONN, -ENOENT (unix), -EAGAIN a unix socket whose queue of connections is full. */
HARK_API void hark_connect(struct hark_loop *loop, struct hark_op *op, int fd,
                           const struct sockaddr *name, socklen_t length, hark_done *done);

/* Receives up to count bytes.
 * Takes: flags of recv(2); with MSG_WAITALL it ends once all have come, or with fewer at the
 *   stream's end, on cancel, or past the deadline; with MSG_PEEK as well MSG_WAITALL means nothing.
 * Gives: the bytes received; 0 the peer has shut down its side, or, once there is something to
 *   receive, count is 0.
 * Fails: -ECONNRESET, -ENOTCONN, -EFAULT. */
HARK_API void hark_recv(struct hark_loop *loop, struct hark_op *op, int fd, void *bytes,
                        size_t count, int flags, hark_done *done);

/* Receives until the stream's end, a failure or a cancel: a call for each piece, in a buffer lent
 * by the loop (buffer.h), so an idle connection holds none. While the pool is empty it waits. To
 * hold a peer back, cancel it, and start it again when there is room; hark_stream_read_stop does
 * so. Before the final call it may bring what had already been taken from the socket, on uring as
 * much as the pool has buffers: hark_buffer_keep keeps it.
 * Gives: the bytes in hark_op_buffer(op), with hark_op_more; finally 0 at the stream's end. Of a
 *   socket for datagrams: each, one of no bytes as 0 with hark_op_more, one that is longer than a
 *   buffer cut to it (hark_op_cut); hark_recvmsg tells from whom.
 * Fails: as hark_recv. */
HARK_API void hark_recv_each(struct hark_loop *loop, struct hark_op *op, int fd, hark_done *done);

/* Sends up to count bytes.
 * Takes: flags of send(2); with MSG_WAITALL, for streams alone, it ends once all are sent, or with
 *   fewer on failure, cancel or past the deadline.
 * Gives: the bytes taken by the kernel, which may be fewer.
 * Fails: -EPIPE, -ECONNRESET, -ENOTCONN, -EMSGSIZE, -EFAULT. */
HARK_API void hark_send(struct hark_loop *loop, struct hark_op *op, int fd, const void *bytes,
                        size_t count, int flags, hark_done *done);

/* Sends up to count bytes without copying them into the kernel, where that can be had: the final
 * call comes once the kernel has no more use for them. Of TCP that is when the peer has
 * acknowledged them, a round trip later at least: a connection with one such send at a time is slow
 * over a distance. It is worth its second completion, and the pinning of pages, with a network card
 * and some tens of kilobytes a call; below that, and over loopback, where the kernel copies all the
 * same, hark_send is as fast or faster.
 * Takes: flags as hark_send.
 * Owns: bytes are the loop's, and must not change, until the final call; nothing touches them
 *   afterwards.
 * Gives: the bytes taken by the kernel, which may be fewer.
 * Fails: as hark_send.
 * Backends: uring from Linux 6.1 on (IORING_OP_SEND_ZC), over TCP and UDP, while the user may lock
 *   pages (RLIMIT_MEMLOCK); all else is hark_send. Where it is ended (a cancel, a deadline, a
 *   close, a detach) after a TCP socket has taken the bytes and before the peer has acknowledged
 *   them, the connection is reset, as nothing else makes the kernel let go of them, and the op
 *   gives the count: at once; or, where connect(2) is refused (a filter), once the connection has
 *   timed out by TCP_USER_TIMEOUT of tcp(7), two minutes at most. hark_close_after_sending waits
 *   for it. */
HARK_API void hark_send_zc(struct hark_loop *loop, struct hark_op *op, int fd, const void *bytes,
                           size_t count, int flags, hark_done *done);

/* recvmsg(2).
 * Takes: message, and all that it points to, the loop's until the final call; its lengths and flags
 *   are then filled in. MSG_WAITALL is refused with -EINVAL.
 * Gives and fails: as hark_recv. Descriptors in control data are received close-on-exec.
 */
HARK_API void hark_recvmsg(struct hark_loop *loop, struct hark_op *op, int fd,
                           struct msghdr *message, int flags, hark_done *done);

/* sendmsg(2).
 * Takes: message, and all that it points to, the loop's until the final call. MSG_WAITALL is
 *   refused with -EINVAL.
 * Gives and fails: as hark_send; also -EAGAIN a unix datagram whose receiver's queue is full, from
 *   a socket that is not connected to it: no event tells when there is room. Connected, it
 *   waits. */
HARK_API void hark_sendmsg(struct hark_loop *loop, struct hark_op *op, int fd,
                           const struct msghdr *message, int flags, hark_done *done);

/* Ends a direction of a connection.
 * Takes: how: SHUT_RD, SHUT_WR, SHUT_RDWR.
 * Gives: 0.
 * Fails: -ENOTCONN, -EINVAL another `how`. */
HARK_API void hark_shutdown(struct hark_loop *loop, struct hark_op *op, int fd, int how,
                            hark_done *done);

HARK_END

#endif
