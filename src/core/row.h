/* row.h - the rows of the table of descriptors, and the ops in them. */
#ifndef CORE_ROW_H
#define CORE_ROW_H

#include "core/loop.h"

/* Makes a row for a number that is open: a wrong one must not cost memory.
 * Fails: -EBADF, -ENOMEM. */
int row_make(struct hark_loop *loop, int fd);

/* Whether the close of a released number has not left this thread yet: then the number cannot mean
 * another file. */
bool row_close_is_here(const struct hark_loop *loop, int fd);

/* Drops what the table knew of a number: it is about to be closed, or it is new from the kernel
 * (and was closed behind the loop's back before). */
void row_forget(struct hark_loop *loop, int fd);

/* Whether no op is in flight on the number but polls that have ended and wait for their final
 * call. */
bool row_is_free(struct hark_loop *loop, int fd);

#endif
