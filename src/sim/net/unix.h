/* unix.h - unix(7): sockets within a machine, of all three types. What is sent stands in the
 * receiver's queue at once, message by message, and is charged to the sender until it is read.
 *
 * unix.c: the socket. unix_connect.c: connections. unix_messages.c: sending and receiving.
 * unix_rights.c: descriptors that are passed. unix_names.h: names. */
#ifndef SIM_NET_UNIX_H
#define SIM_NET_UNIX_H

#include "sim/net/network.h"
#include "sim/net/socket_base.h"
#include "sim/net/unix_names.h"

struct unix_socket;

struct unix_message {
    struct unix_message *next;
    struct unix_socket *sender; /* held; who it is charged to */
    struct unix_name from;
    struct file **rights; /* held; NULL: none */
    size_t right_count;
    size_t size, taken;
    unsigned char bytes[];
};

struct unix_socket {
    struct socket socket;
    struct unix_socket *next, *previous; /* of the machine's */
    uint32_t holders;                    /* the descriptor, peers, messages: memory.c frees last */
    bool is_dead;
    int state;                /* TCP_CLOSE, TCP_LISTEN, TCP_ESTABLISHED, as Linux uses them */
    struct unix_socket *peer; /* held */
    struct unix_name name, peer_name;
    struct unix_entry *entry; /* of its name; NULL: it has none */

    struct unix_message *first, *last; /* to be read */
    int count;
    size_t charged; /* of its own in others' queues */

    struct unix_socket *first_waiting, *last_waiting, *next_waiting; /* to be accepted */
    int waiting, backlog;

    struct unix_socket *full; /* whose queue had no room for it: told when there is; not held */
};

static inline bool unix_has_connections(const struct unix_socket *unix)
{
    return unix->socket.type != SOCK_DGRAM;
}

/* --- unix.c --- */
struct socket *unix_open(struct machine *machine, int type);
struct unix_socket *unix_create(struct machine *machine, int type);
void unix_hold(struct unix_socket *unix);
void unix_release(struct unix_socket *unix);
/* Those that found this one's queue full try again. */
void unix_has_room(struct unix_socket *unix);

/* --- unix_connect.c --- */
int unix_listen(struct socket *socket, int backlog);
int unix_accept(struct socket *socket, struct socket **out_socket);
int unix_connect(struct process *process, struct socket *socket, const struct sockaddr *name,
                 socklen_t length);
/* Connects two new ones to each other. */
void unix_pair(struct socket *one, struct socket *other);
int unix_shutdown(struct socket *socket, int how);
/* The peer learns that this one has gone. */
void unix_leave(struct unix_socket *unix);

/* --- unix_messages.c --- */
int64_t unix_send(struct process *process, struct socket *socket, const struct msghdr *message,
                  int flags);
int64_t unix_receive(struct process *process, struct socket *socket, struct msghdr *message,
                     int flags);
bool unix_is_writable(struct unix_socket *unix);
void unix_drop_all(struct unix_socket *unix);

/* --- unix_rights.c --- */
/* Fails: -EBADF, -EINVAL, -ETOOMANYREFS. */
int unix_rights_take(struct process *process, const struct msghdr *message,
                     struct unix_message *into);
/* Gives them out, or, for a peek, copies of them. */
void unix_rights_give(struct process *process, struct unix_message *from, struct msghdr *message,
                      int flags);
void unix_rights_drop(struct unix_message *message);

#endif
