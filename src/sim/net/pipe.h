/* pipe.h - pipe(7). */
#ifndef SIM_NET_PIPE_H
#define SIM_NET_PIPE_H

#include "sim/world/state.h"

/* Takes: flags: of pipe2(2).
 * Gives: 0 and the descriptors: read end, write end.
 * Fails: -EMFILE, -EINVAL. */
int pipe_open(struct process *process, int flags, int out_fds[2]);

struct inode;

/* One that has a name, which holds it while it is open. It does not wait: pipe_is_met tells whether
 * who wants to wait for the other side has to.
 * Takes: flags: of open(2), as they are kept.
 * Gives: 0 and *out_file.
 * Fails: -ENXIO nobody reads, and who wants to write does not wait: fifo(7). */
int pipe_open_named(struct inode *inode, int flags, struct file **out_file);

/* Whether the other side is open, or was since. Of a file that is no such pipe: true. */
bool pipe_is_met(const struct file *file);

/* Whether it is an end of one; of the same one as another file. */
bool pipe_is(const struct file *file);
bool pipe_is_same(const struct file *file, const struct file *other);
/* How many bytes a splice can put into it now, in pages of their own; 0 it is full. */
size_t pipe_room(struct file *file);
/* The first bytes of it, which stay. Gives: how many. */
size_t pipe_look(struct file *file, void *bytes, size_t room);
/* Whether somebody writes into it still; reads from it. */
bool pipe_has_writer(struct file *file);
bool pipe_has_reader(struct file *file);

/* What names it; NULL: nothing, or it is no pipe. */
struct inode *pipe_inode(const struct file *file);

#endif
