/* turn.h - what a subscription does next: it is looked at whenever something has happened to it.
 *
 * Thread, for every function here: the owner's. */
#ifndef HARK_COMMAND_SUBSCRIPTIONS_TURN_H
#define HARK_COMMAND_SUBSCRIPTIONS_TURN_H

#include "subscriptions/subscription.h"

/* Takes all steps that can be taken now. The subscription may be gone afterwards. */
void turn_take(struct subscription *subscription);

/* Begins the change that creates it, which is put together. */
void turn_create(struct subscription *subscription);

/* What was out when the process ended is out again: leases are whole, and who was to be told is
 * told once more. */
void turn_begin(struct subscription *subscription);

/* Its wake stream was made. */
void turn_wake_stream_made(struct subscription *subscription);

/* Its end: what waits is refused, a delivery is given up, and it is freed, some time before
 * all->pending has settled.
 * Takes: one that is not busy. */
void turn_leave(struct subscription *subscription);

#endif
