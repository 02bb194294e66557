/* socket_base.h - what all sockets have, and the calls that their kinds answer. */
#ifndef SIM_NET_SOCKET_BASE_H
#define SIM_NET_SOCKET_BASE_H

#include "sim/world/state.h"

#include <sys/socket.h>

enum { SHUT_FOR_READING = 1, SHUT_FOR_WRITING = 2, SHUT_FOR_BOTH = 3 };

struct socket;

/* Who waits until what was sent is needed no more. */
struct socket_holder {
    struct socket_holder *next, **link; /* link NULL: it waits for nothing */
    uint64_t until;                     /* the socket's own: what it waits for */
    void (*let_go)(struct socket_holder *holder);
};

/* As socket.h has them, once it is known what the file is. NULL: -EOPNOTSUPP. */
struct socket_calls {
    int (*bind)(struct process *process, struct socket *socket, const struct sockaddr *name,
                socklen_t length);
    int (*listen)(struct socket *socket, int backlog);
    /* Gives 0 and a socket, which is the caller's, and the name of its peer. */
    int (*accept)(struct socket *socket, struct socket **out_socket);
    int (*connect)(struct process *process, struct socket *socket, const struct sockaddr *name,
                   socklen_t length);
    int (*connected)(struct socket *socket);
    int (*shutdown)(struct socket *socket, int how); /* how: SHUT_FOR_... */
    int64_t (*send)(struct process *process, struct socket *socket, const struct msghdr *message,
                    int flags);
    int64_t (*receive)(struct process *process, struct socket *socket, struct msghdr *message,
                       int flags);
    /* Gives: whether what was sent until now may be needed again: then the holder is told when it
     * is not. NULL: a send without a copy is refused. */
    bool (*hold)(struct socket *socket, struct socket_holder *holder);
    /* Those of its own level. */
    int (*set_option)(struct socket *socket, int level, int option, int value);
    int (*get_option)(struct socket *socket, int level, int option, int *out_value);
    /* Some option of SOL_SOCKET has another value. */
    void (*options_changed)(struct socket *socket);
    int (*name)(struct socket *socket, bool of_peer, struct sockaddr *out_name, socklen_t *length);
};

struct socket_options {
    int reuse_address, reuse_port, keep_alive, broadcast, urgent_inline, pass_credentials;
    int send_bytes, receive_bytes; /* as SO_SNDBUF has them: twice what was asked for */
    int receive_least;
    struct linger linger;
    uint64_t send_timeout_ns, receive_timeout_ns; /* 0: none */
};

struct socket {
    struct file file;
    const struct socket_calls *calls;
    struct machine *machine;
    int family, type, protocol;
    int error; /* SO_ERROR: 0, or negative, until it is told */
    int shut;  /* SHUT_FOR_... */
    bool listens;
    bool wants_room; /* who could not write is told of room (Linux: SOCK_NOSPACE) */
    struct socket_options options;
};

/* A socket of the kind, `bytes` long. */
void *socket_base_create(const struct file_kind *kind, const struct socket_calls *calls,
                         size_t bytes, struct machine *machine, int family, int type);

/* It waits for nothing any more. */
void socket_base_hold_no_more(struct socket_holder *holder);

/* SO_ERROR, which is then empty. */
int socket_base_take_error(struct socket *socket);

void socket_base_status(struct file *file, struct stat *out_status);

/* read(2) and write(2), for struct file_kind. */
int64_t socket_base_read(struct file *file, const struct iovec *vector, int count, int64_t offset,
                         int flags);
int64_t socket_base_write(struct file *file, const struct iovec *vector, int count, int64_t offset,
                          int flags);

#endif
