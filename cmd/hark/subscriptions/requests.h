/* requests.h - what is asked of subscriptions, read, and made a change or an answer.
 *
 * Thread, for every function here: the owner's. */
#ifndef HARK_COMMAND_SUBSCRIPTIONS_REQUESTS_H
#define HARK_COMMAND_SUBSCRIPTIONS_REQUESTS_H

#include "subscriptions/subscription.h"

/* What stands under a stream's name, for a cursor: one that is over counts as none.
 * Gives: the newest id, 0: there is no event; *out_begin: where the stream begins, 0: there is
 *   none. */
uint64_t requests_tail(const struct subscriptions *all, const char *path, uint64_t *out_begin);

/* A PUT of a subscription that there is not: makes it, with the change that creates it.
 * Gives: NULL: it was answered. */
struct subscription *requests_create(struct subscriptions *all,
                                     struct subscription_request *request);

/* Any request of one that there is, on the disk and not busy.
 * Gives: true: its change is put together, and waits to be written; false: it was answered. */
bool requests_decide(struct subscription *subscription, struct subscription_request *request);

#endif
