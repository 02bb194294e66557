/* splice.h - splice(2), at the moment at which the kernel makes it. */
#ifndef SIM_NET_SPLICE_H
#define SIM_NET_SPLICE_H

#include "sim/world/state.h"

/* Takes: offsets, moved on; NULL: the file's own, or none.
 * Gives: the bytes moved; -EAGAIN: one end is to be waited for; -EINVAL, -ESPIPE, -EBADF, -EPIPE,
 *   and what reading and writing give. */
int64_t splice_now(struct file *from, int64_t *from_offset, struct file *to, int64_t *to_offset,
                   size_t count);

#endif
