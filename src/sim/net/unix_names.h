/* unix_names.h - the names of unix sockets of a machine: abstract ones, which go with the socket,
 * and paths, which stay until they are unlinked. */
#ifndef SIM_NET_UNIX_NAMES_H
#define SIM_NET_UNIX_NAMES_H

#include "sim/world/state.h"

#include <sys/socket.h>
#include <sys/un.h>

struct unix_socket;
struct inode;

struct unix_name {
    struct sockaddr_un name;
    char null;        /* behind a path that fills the field */
    socklen_t length; /* 0: none */
};

struct unix_entry {
    struct unix_entry *next;
    struct unix_name name;
    struct inode *inode; /* of its path, held; NULL: it is abstract */
    int type;            /* abstract names are each type's own */
    struct unix_socket *socket;
};

/* Fails: -EINVAL. */
int unix_names_read(const struct sockaddr *name, socklen_t length, struct unix_name *out_name);

/* Takes: a name of the family alone: one is chosen.
 * Fails: -EADDRINUSE; for a path as names_make_socket. */
int unix_names_add(struct process *process, struct unix_name *name, int type,
                   struct unix_socket *socket, struct unix_entry **out_entry);
/* Its socket has gone. */
void unix_names_leave(struct machine *machine, struct unix_entry *entry);

/* Fails: -ECONNREFUSED nobody has it; for a path as names_find_socket. */
int unix_names_find(struct process *process, const struct unix_name *name, int type,
                    struct unix_socket **out_socket);

#endif
