/* posix_pairs.c - see posix.h: what makes two descriptors at once, which hark itself never asks
 * for. */
#include "sim/net/pipe.h"
#include "sim/net/socket.h"
#include "sim/posix/posix.h"

POSIX(int, socketpair, (int family, int type, int protocol, int out_fds[2]),
      (family, type, protocol, out_fds),
      CALL(NULL, "socketpair", -1,
           socket_open_pair(process_current(), family, type, protocol, out_fds)))
POSIX(int, pipe2, (int out_fds[2], int flags), (out_fds, flags),
      CALL(NULL, "pipe2", -1, pipe_open(process_current(), flags, out_fds)))
POSIX(int, pipe, (int out_fds[2]), (out_fds),
      CALL(NULL, "pipe2", -1, pipe_open(process_current(), 0, out_fds)))
