/* store.h - subscriptions on the disk. Each has a stream of the server's own in the log, whose name
 * no user can make, with nothing but notes: "config" and "state". Its links stand in the notes of
 * further ones, its pages: under the path, how far it is acknowledged u64, of which kinds it is u8.
 * Notes last as long as their stream, whatever retention does, and only the newest of a key is
 * kept; so nothing grows.
 *
 *     .s ID       the subscription
 *     .s ID N     page N
 *
 * A page is written before what says that the change is done, and a subscription goes before its
 * pages: so after a crash pages without one are of none.
 *
 * Thread, for every function here: the owner's. */
#ifndef HARK_COMMAND_SUBSCRIPTIONS_STORE_H
#define HARK_COMMAND_SUBSCRIPTIONS_STORE_H

#include "subscriptions/subscription.h"

/* Writes the subscription's change, and calls change.done: from hark_run, or, where there is
 * nothing to write, never.
 * Gives: true: done will be called; false: there is nothing to write. */
bool store_write(struct subscription *subscription);

/* Makes the subscriptions and their links as the log has them.
 * Fails: -ENOMEM. */
int store_load(struct subscriptions *all);

#endif
