/* wake.h - waking loops, and what other threads have put into them. */
#ifndef CORE_WAKE_H
#define CORE_WAKE_H

#include "hark/op.h"

/* Wakes the loop where it sleeps.
 * Thread: any; async-signal-safe. */
void wake_loop(struct hark_loop *loop);

/* Makes the loop whose wake_fd this is return from its wait. */
void wake_write(int wake_fd);

/* The same as wake_loop from the thread of another loop. */
void wake_other(struct hark_loop *loop, struct hark_loop *other);

/* Moves what other threads have put in to where it belongs.
 * Gives: how many. */
uint32_t wake_take_inbox(struct hark_loop *loop);

#endif
