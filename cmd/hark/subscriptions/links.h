/* links.h - the streams of subscriptions: found by their path, and how far each is acknowledged.
 *
 * Thread, for every function here: the owner's. */
#ifndef HARK_COMMAND_SUBSCRIPTIONS_LINKS_H
#define HARK_COMMAND_SUBSCRIPTIONS_LINKS_H

#include "subscriptions/subscription.h"

/* The first link to a stream, of whichever subscription, and the next. Gives: NULL: none. */
struct subscription_link *links_first(const struct subscriptions *all, const char *path);
struct subscription_link *links_next(const struct subscription_link *link);

/* The link of one subscription. Gives: NULL: there is none. */
struct subscription_link *links_of(const struct subscription *subscription, const char *path);

/* Adds one; with types 0 it counts for nothing yet.
 * Gives: NULL: there is no memory, or there are too many. */
struct subscription_link *links_add(struct subscription *subscription, const char *path,
                                    uint8_t types, uint64_t acked, uint64_t tail);

void links_remove(struct subscription_link *link);

/* What its stream has, what is acknowledged, or of which kinds it is, is another now. */
void links_set(struct subscription_link *link, uint8_t types, uint64_t acked, uint64_t tail);

static inline bool link_is_pending(const struct subscription_link *link)
{
    return link->types != 0 && link->tail > link->acked;
}

/* One more update for the subscription's change. Without memory the change fails. */
void links_update(struct subscription *subscription, struct subscription_link *link, uint8_t types,
                  uint64_t acked);

/* The change is on the disk, or has failed: its updates are so, or are not. */
void links_apply(struct subscription *subscription, bool written);

#endif
