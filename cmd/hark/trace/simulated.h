/* simulated.h - what the kernel of a simulated world has told (hark_sim_trace), in the place of
 * what tracepoints tell: the same events, from a file. */
#ifndef HARK_COMMAND_TRACE_SIMULATED_H
#define HARK_COMMAND_TRACE_SIMULATED_H

#include "trace/kernel.h"

struct trace_simulated;

/* Reads hark-kernel.events of a directory.
 * Fails: -ENOENT there is none; -EBADMSG it is damaged; -ENOMEM; what opening and mapping gives. */
int trace_simulated_open(const char *directory, struct trace_simulated **out_simulated);

/* Hands out what was not handed out yet and happened until a time, which itself is one of them. */
void trace_simulated_read(struct trace_simulated *simulated, uint64_t until_ns,
                          trace_kernel_take *take, void *context);

/* The first event is the next again. */
void trace_simulated_rewind(struct trace_simulated *simulated);

/* Events that were overwritten. */
uint64_t trace_simulated_lost(const struct trace_simulated *simulated);

/* NULL: nothing happens. */
void trace_simulated_close(struct trace_simulated *simulated);

#endif
