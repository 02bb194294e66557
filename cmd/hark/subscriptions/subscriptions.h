/* subscriptions.h - subscriptions of the Durable Streams protocol: cursors that wake workers when
 * streams have something for them. They are all on the thread that has the log.
 *
 * Thread, unless it says otherwise: the owner's.
 */
#ifndef HARK_COMMAND_SUBSCRIPTIONS_SUBSCRIPTIONS_H
#define HARK_COMMAND_SUBSCRIPTIONS_SUBSCRIPTIONS_H

#include "connection/worker.h"
#include "subscriptions/request.h"
#include "subscriptions/target.h"

struct log;
struct subscriptions;

/* How they are to be. */
struct subscription_options {
    enum target_reach reach; /* where webhooks may go */
    const char *public_url;  /* how others reach this server, without a slash at its end; NULL: as
                                requests say */
};

/* Begins with those that the log has.
 * Takes: owner: with its broker; directory: of the data, copied.
 * Gives: 0 and *out_subscriptions.
 * Fails: -ENOMEM. */
int subscriptions_open(struct worker *owner, struct log *log, const char *directory,
                       const struct subscription_options *options,
                       struct subscriptions **out_subscriptions);

/* Ends what is under way, then calls closed: from hark_run, or from inside of this call. Requests
 * are refused from here on. */
void subscriptions_close(struct subscriptions *all, void (*closed)(void *context), void *context);

/* Takes: one that was closed, and is asked nothing any more; NULL: nothing happens. */
void subscriptions_destroy(struct subscriptions *all);

/* Asks.
 * Owns: the request, and what it points to, until answered, which is called on the asker's thread,
 *   never from inside of this call.
 * Thread: the worker's. */
void subscriptions_ask(struct worker *worker, struct subscription_request *request,
                       subscription_answered *answered);

#endif
