/* announce.h - the event of a wake, in its wake stream.
 *
 * Thread, for every function here: the owner's. */
#ifndef HARK_COMMAND_SUBSCRIPTIONS_ANNOUNCE_H
#define HARK_COMMAND_SUBSCRIPTIONS_ANNOUNCE_H

#include "subscriptions/subscription.h"

/* Appends it. Where the wake stream is not there, or closed, nothing is: it is told again when that
 * is made. What fails otherwise is tried again. */
void announce(struct subscription *subscription);

#endif
