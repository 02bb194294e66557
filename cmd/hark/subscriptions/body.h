/* body.h - what is said of a subscription, as JSON.
 *
 * Thread, for every function here: the owner's. */
#ifndef HARK_COMMAND_SUBSCRIPTIONS_BODY_H
#define HARK_COMMAND_SUBSCRIPTIONS_BODY_H

#include "subscriptions/subscription.h"

enum { BODY_STREAMS_MAX = 1024 }; /* that a wake tells of: what is pending first */

/* What a GET shows.
 * Takes: base: of the URLs in it. */
void body_subscription(struct text *text, const struct subscription *subscription,
                       const char *base);

/* What a webhook is sent; notes of each stream what is shown of it. */
void body_wake(struct text *text, struct subscription *subscription, const char *token);

/* The same for who has claimed. */
void body_claim(struct text *text, struct subscription *subscription, const char *token);

/* The event of a wake stream.
 * Takes: path: of a stream that has something pending. */
void body_event(struct text *text, const struct subscription *subscription, const char *path,
                uint64_t now_ns);

/* {"error": ...}. Takes: code, message: plain words. */
void body_error(struct text *text, const char *code, const char *message);

/* Who has claimed it already. */
void body_claimed(struct text *text, const struct subscription *subscription);

/* {"ok": true, ...}. */
void body_done(struct text *text, bool next_wake);

#endif
