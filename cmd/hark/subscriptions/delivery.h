/* delivery.h - one POST of a webhook on its way, by libcurl on the loop. Whatever the other side
 * does is bounded: the time, the bytes of its answer; and it leads nowhere else: redirects are not
 * followed, the surroundings' proxies not asked, and each address is looked at before it is
 * connected to.
 *
 * Thread, for every function here: the owner's. */
#ifndef HARK_COMMAND_SUBSCRIPTIONS_DELIVERY_H
#define HARK_COMMAND_SUBSCRIPTIONS_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "hark.h"
#include "subscriptions/target.h"

struct deliveries;
struct delivery;

enum { DELIVERY_ANSWER_MAX = 16 * 1024 };

/* It has ended.
 * Takes: status: of HTTP; 0: there was no answer. answer: what came as its body; "" where it was
 *   too long. */
typedef void delivery_ended(struct delivery *delivery, int status, const char *answer);

/* In the caller's memory, zeroed at first; all private but for the body, which is set before. */
struct delivery {
    struct text body;
    char *answer; /* its bytes so far */
    size_t answer_count;
    size_t head_count;
    struct deliveries *deliveries;
    delivery_ended *ended;
    void *easy;  /* libcurl's; NULL: nothing is under way */
    void *lines; /* of the head */
    bool too_long;
};

/* Whether this build has what it takes; else the functions here fail. */
bool deliveries_offered(void);

/* Fails: -ENOSYS this build has it not; -ENOMEM. */
int deliveries_open(struct hark_loop *loop, enum target_reach reach,
                    struct deliveries **out_deliveries);

/* Takes: one without deliveries under way; NULL: nothing happens. */
void deliveries_close(struct deliveries *deliveries);

/* Sends.
 * Takes: delivery: not under way; its body is sent, and freed. signature: the value of the line
 *   Webhook-Signature.
 * Gives: 0: ended will be called, from hark_run.
 * Fails: -ENOMEM; the body is freed. */
int delivery_start(struct deliveries *deliveries, struct delivery *delivery, const char *url,
                   const char *signature, uint64_t timeout_ms, delivery_ended *ended);

/* Ends it without a call.
 * Takes: one that may not be under way. */
void delivery_cancel(struct delivery *delivery);

static inline bool delivery_active(const struct delivery *delivery)
{
    return !!delivery->easy;
}

#endif
