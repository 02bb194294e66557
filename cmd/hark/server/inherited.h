/* inherited.h - sockets that listen already, from whoever started the server: a service manager
 * that opens ports itself gives them from descriptor 3 on (sd_listen_fds(3)). */
#ifndef HARK_COMMAND_SERVER_INHERITED_H
#define HARK_COMMAND_SERVER_INHERITED_H

#include <stdbool.h>
#include <stddef.h>

#include "hark.h"

enum { INHERITED_FIRST = 3, INHERITED_MAX = 256 };

/* How many there are: as LISTEN_FDS says, if LISTEN_PID names this process; else none.
 * Fails: -EINVAL what they say makes no sense. */
int inherited_count(void);

/* Whether LISTEN_FDNAMES calls the one of this index "lines", or that with something behind it: all
 * others are for HTTP. */
bool inherited_is_lines(size_t index);

/* Sees that it listens, never waits, and goes to no other program.
 * Gives: 0 and where it listens; -ENOTSOCK, -EBADF, -EINVAL it is no such socket. */
int inherited_prepare(int fd, struct hark_address *out_address);

#endif
