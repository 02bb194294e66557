/* pipe.h - pipe(7). */
#ifndef SIM_NET_PIPE_H
#define SIM_NET_PIPE_H

#include "sim/world/state.h"

/* Takes: flags: of pipe2(2).
 * Gives: 0 and the descriptors: read end, write end.
 * Fails: -EMFILE, -EINVAL. */
int pipe_open(struct process *process, int flags, int out_fds[2]);

#endif
