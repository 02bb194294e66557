/* unix_names.h - the names of unix sockets of a machine: abstract ones, which go with the socket,
 * and paths, which stay until they are removed. */
#ifndef SIM_UNIX_NAMES_H
#define SIM_UNIX_NAMES_H

#include "sim/state.h"

#include <sys/socket.h>
#include <sys/un.h>

struct unix_socket;

struct unix_name {
    struct sockaddr_un name;
    socklen_t length; /* 0: none */
};

struct unix_entry {
    struct unix_entry *next;
    struct unix_name name;
    struct unix_socket *socket; /* NULL: it has gone, its path is still there */
};

/* Fails: -EINVAL. */
int unix_names_read(const struct sockaddr *name, socklen_t length, struct unix_name *out_name);

/* Takes: a name of the family alone: one is chosen.
 * Fails: -EADDRINUSE. */
int unix_names_add(struct machine *machine, struct unix_name *name, struct unix_socket *socket,
                   struct unix_entry **out_entry);
/* Its socket has gone. */
void unix_names_leave(struct machine *machine, struct unix_entry *entry);

/* Fails: -ENOENT there is no such path; -ECONNREFUSED nobody has it. */
int unix_names_find(struct machine *machine, const struct unix_name *name,
                    struct unix_socket **out_socket);

/* For the calls on files: whether a socket has that path; and takes the path away. */
bool unix_names_has_path(struct machine *machine, const char *path);
bool unix_names_remove_path(struct machine *machine, const char *path);

#endif
