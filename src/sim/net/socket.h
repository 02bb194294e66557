/* socket.h - the calls on sockets, at the moment at which the kernel makes them: none waits. What
 * cannot be done yet is -EAGAIN, and the file's queue tells when to try again.
 *
 * All give what the system call gives, or a negative errno; -ENOTSOCK for a file of another
 * kind. */
#ifndef SIM_NET_SOCKET_H
#define SIM_NET_SOCKET_H

#include "sim/world/state.h"

#include <sys/socket.h>

/* type: with SOCK_NONBLOCK and SOCK_CLOEXEC. Gives: a descriptor. */
int socket_open(struct process *process, int family, int type, int protocol);
/* socketpair(2). */
int socket_open_pair(struct process *process, int family, int type, int protocol, int out_fds[2]);
int socket_bind(struct process *process, struct file *file, const struct sockaddr *name,
                socklen_t length);
int socket_listen(struct file *file, int backlog);
/* flags: SOCK_NONBLOCK, SOCK_CLOEXEC. Gives: a descriptor. */
int socket_accept(struct process *process, struct file *file, struct sockaddr *out_name,
                  socklen_t *length, int flags);
/* Gives: 0 at once; -EINPROGRESS it is under way, and writable when it is decided: then
 * socket_connected tells how. */
int socket_connect(struct process *process, struct file *file, const struct sockaddr *name,
                   socklen_t length);
/* How the connecting that was under way has ended: as SO_ERROR does, which it empties. */
int socket_connected(struct file *file);
/* Whether it is a stream, or of packets in sequence, of which io_uring moves all that is asked for
 * (io_net_retry in Linux's io_uring/net.c). */
bool socket_is_stream(const struct file *file);
int socket_shutdown(struct file *file, int how);
int64_t socket_send(struct process *process, struct file *file, const struct msghdr *message,
                    int flags);
/* Whether it sends without a copy (SOCK_SUPPORT_ZC in Linux's include/linux/net.h). */
bool socket_sends_without_copy(const struct file *file);
/* As struct socket_calls has it. */
struct socket_holder;
bool socket_hold(struct file *file, struct socket_holder *holder);
int64_t socket_receive(struct process *process, struct file *file, struct msghdr *message,
                       int flags);
int socket_set_option(struct file *file, int level, int option, const void *value,
                      socklen_t length);
int socket_get_option(struct file *file, int level, int option, void *out_value, socklen_t *length);
int socket_name(struct file *file, struct sockaddr *out_name, socklen_t *length);
int socket_peer_name(struct file *file, struct sockaddr *out_name, socklen_t *length);

#endif
