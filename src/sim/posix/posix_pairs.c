/* posix_pairs.c - see posix.h: what makes two descriptors at once. */
#include "sim/net/pipe.h"
#include "sim/net/socket.h"
#include "sim/posix/posix.h"

POSIX(int, socketpair, (int family, int type, int protocol, int out_fds[2]),
      (family, type, protocol, out_fds),
      CALL(NULL, "socketpair", -1,
           socket_open_pair(process_current(), family, type, protocol, out_fds)))
POSIX(int, pipe2, (int out_fds[2], int flags), (out_fds, flags), kernel_pipe2(NULL, out_fds, flags))
POSIX(int, pipe, (int out_fds[2]), (out_fds), kernel_pipe2(NULL, out_fds, 0))
