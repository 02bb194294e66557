/* result.h - what becomes of a change, for who asked: the answers to requests.
 *
 * Thread, for every function here: the owner's. */
#ifndef HARK_COMMAND_SUBSCRIPTIONS_RESULT_H
#define HARK_COMMAND_SUBSCRIPTIONS_RESULT_H

#include "subscriptions/subscription.h"

/* Sends the answer that stands in the request. */
void result_send(struct subscriptions *all, struct subscription_request *request);

/* Answers with an error. */
void result_refuse(struct subscriptions *all, struct subscription_request *request, int status,
                   const char *code, const char *message);

/* Answers what waited for a change.
 * Takes: error: 0: it is on the disk, and is so; else why it is not. */
void result_of_change(struct subscription *subscription, struct subscription_request *request,
                      int error);

#endif
