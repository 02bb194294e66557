/* turn.c - one step after the other, and one change at a time: what was asked for goes first, then
 * what has run out, then what has come back, then what is to go out.
 *
 * A wake goes out when something is pending and none is out: it is written down, then told: to the
 * webhook, or to the wake stream. What must hold: a wake that is out is told at least once, also
 * after a crash; and of a subscription there is one delivery under way at most. */
#include "subscriptions/turn.h"

#include "base/check.h"
#include "subscriptions/announce.h"
#include "subscriptions/body.h"
#include "subscriptions/links.h"
#include "subscriptions/requests.h"
#include "subscriptions/result.h"
#include "subscriptions/store.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS_MAX = 64, ATTEMPT_MS = 30000 };

static const uint64_t MS_NS = 1000000;
static const uint64_t TROUBLE_NS = 1000000000;
static const uint64_t TOKEN_S = UINT64_C(24) * 60 * 60;

static bool is_out(const struct subscription *subscription)
{
    return subscription->core.wake_id[0] != '\0';
}

static bool is_webhook(const struct subscription *subscription)
{
    return subscription->config.type == SUBSCRIPTION_WEBHOOK;
}

static uint64_t now_of(const struct subscription *subscription)
{
    return hark_now(subscription->all->loop);
}

/* --- slots: so many deliveries are under way at a time --- */

static bool slot_take(struct subscription *subscription)
{
    struct subscriptions *all = subscription->all;
    if (subscription->has_slot)
        return true;
    if (all->slots >= SLOTS_MAX) {
        subscription->wants_slot = true;
        if (list_empty(&subscription->waiting))
            list_append(&all->waiting, &subscription->waiting);
        return false;
    }
    list_remove(&subscription->waiting);
    all->slots++;
    subscription->has_slot = true;
    return true;
}

/* The first that waits is to have one, if there is one. */
static void slots_offer(struct subscriptions *all)
{
    if (all->slots < SLOTS_MAX && !list_empty(&all->waiting))
        subscription_poke(hark_container_of(all->waiting.next, struct subscription, waiting));
}

static void slot_give(struct subscription *subscription)
{
    struct subscriptions *all = subscription->all;
    if (!subscription->has_slot)
        return;
    subscription->has_slot = false;
    all->slots--;
    slots_offer(all);
}

static void delivery_stop(struct subscription *subscription)
{
    delivery_cancel(&subscription->delivery);
    subscription->has_result = false;
    slot_give(subscription);
}

/* --- changes --- */

static void lease_begin(struct subscription *subscription)
{
    subscription->lease_at_ns = now_of(subscription) + subscription->config.lease_ms * MS_NS;
}

static void attempt_wait(struct subscription *subscription)
{
    const struct subscription_core *core = &subscription->core;
    const uint64_t wait_ns = core_wait_ns(core, hark_os_wall_clock(subscription->all->loop));
    subscription->attempt_at_ns = wait_ns != 0 ? now_of(subscription) + wait_ns : 0;
}

static bool extends_lease(const struct subscription_request *request)
{
    return request && (request->verb == SUBSCRIPTION_CLAIM || request->verb == SUBSCRIPTION_ACK ||
                       request->verb == SUBSCRIPTION_CALLBACK);
}

/* The change is so. */
static void apply(struct subscription *subscription)
{
    const struct subscription_change *change = &subscription->change;
    const struct subscription_core before = subscription->core;
    subscription->made = true;
    subscription->core = change->next;
    if (change->next.generation != before.generation || change->next.failures > before.failures)
        subscription->announced = false;
    attempt_wait(subscription);
    if (!is_out(subscription))
        subscription->lease_at_ns = HARK_NEVER;
    else if (extends_lease(change->request))
        lease_begin(subscription);
    if (change->deletes)
        subscription->deleted = true;
}

static void change_end(struct subscription *subscription, int error)
{
    struct subscription_request *request = subscription->change.request;
    subscription->busy = false;
    if (error == 0)
        apply(subscription);
    else if (!request)
        subscription->trouble_until_ns = now_of(subscription) + TROUBLE_NS;
    if (error < 0 && subscription->change.creates)
        subscription->deleted = true;
    links_apply(subscription, error == 0);
    subscription->change.request = NULL;
    if (request)
        result_of_change(subscription, request, error);
}

static void changed(struct subscription *subscription, int error)
{
    change_end(subscription, error);
    subscription_poke(subscription);
}

/* Writes the change that is put together. */
static void change_write(struct subscription *subscription)
{
    subscription->busy = true;
    subscription->change.done = changed;
    if (!store_write(subscription))
        change_end(subscription, subscription->change.error);
}

static struct subscription_core *change_begin(struct subscription *subscription)
{
    subscription->change = (struct subscription_change){.next = subscription->core};
    return &subscription->change.next;
}

/* --- deliveries --- */

static void delivery_over(struct delivery *delivery, int status, const char *answer)
{
    struct subscription *subscription = hark_container_of(delivery, struct subscription, delivery);
    json_t *json = json_loads(answer, 0, NULL);
    subscription->has_result = true;
    subscription->took = status >= 200 && status < 300;
    subscription->did = json_is_true(json_object_get(json, "done"));
    json_decref(json);
    slot_give(subscription);
    subscription_poke(subscription);
}

/* Gives: false: there is no memory. */
static bool deliver(struct subscription *subscription)
{
    struct subscriptions *all = subscription->all;
    struct delivery *delivery = &subscription->delivery;
    char token[SECRETS_TOKEN_BYTES], signature[SECRETS_SIGNATURE_BYTES];
    const uint64_t now_s = hark_os_wall_clock(all->loop) / 1000000000;
    const uint32_t lease_ms = subscription->config.lease_ms;
    if (!secrets_token(&all->secrets, subscription->id, subscription->core.generation,
                       now_s + TOKEN_S, token))
        return false;
    body_wake(&delivery->body, subscription, token);
    if (delivery->body.failed || !secrets_sign(&all->secrets, now_s, delivery->body.bytes,
                                               delivery->body.count, signature)) {
        text_done(&delivery->body);
        return false;
    }
    subscription->delivered = subscription->core.generation;
    return delivery_start(all->deliveries, delivery, subscription->config.url, signature,
                          lease_ms < ATTEMPT_MS ? lease_ms : ATTEMPT_MS, delivery_over) == 0;
}

/* What came back. */
static void result_take(struct subscription *subscription)
{
    subscription->has_result = false;
    if (!is_out(subscription) || subscription->delivered != subscription->core.generation)
        return; /* that wake is over */
    struct subscription_core *next = change_begin(subscription);
    if (!subscription->took) {
        uint32_t random = 0;
        (void)secrets_random((unsigned char *)&random, sizeof random);
        core_failed(next, hark_os_wall_clock(subscription->all->loop), random);
        change_write(subscription);
        return;
    }
    core_delivered(next);
    if (subscription->did) {
        struct list *at = subscription->links.next;
        for (; at != &subscription->links; at = at->next) {
            struct subscription_link *link = hark_container_of(at, struct subscription_link, place);
            if (link->types != 0 && link->shown > link->acked)
                links_update(subscription, link, link->types, link->shown);
        }
        core_clear(next);
    }
    change_write(subscription);
}

/* --- the steps: each gives whether it was taken --- */

static bool step_request(struct subscription *subscription)
{
    if (list_empty(&subscription->requests))
        return false;
    struct subscription_request *request =
        hark_container_of(subscription->requests.next, struct subscription_request, place);
    list_remove(&request->place);
    if (requests_decide(subscription, request))
        change_write(subscription);
    return true;
}

/* Nobody has said that it is done in time. One that was still being delivered counts as failed. */
static bool step_lease(struct subscription *subscription)
{
    if (subscription->lease_at_ns > now_of(subscription))
        return false;
    struct subscription_core *next = change_begin(subscription);
    const bool fails = delivery_active(&subscription->delivery);
    delivery_stop(subscription);
    if (fails) {
        uint32_t random = 0;
        (void)secrets_random((unsigned char *)&random, sizeof random);
        core_failed(next, hark_os_wall_clock(subscription->all->loop), random);
    }
    core_clear(next);
    change_write(subscription);
    return true;
}

static bool step_result(struct subscription *subscription)
{
    if (!subscription->has_result)
        return false;
    result_take(subscription);
    return true;
}

/* Links whose streams were deleted: what a pattern has linked goes. */
static bool step_gone(struct subscription *subscription)
{
    if (!subscription->has_gone)
        return false;
    subscription->has_gone = false;
    (void)change_begin(subscription);
    struct list *at = subscription->links.next;
    while (at != &subscription->links) {
        struct subscription_link *link = hark_container_of(at, struct subscription_link, place);
        at = at->next;
        if (link->gone && link->types == LINK_GLOB)
            links_update(subscription, link, 0, link->acked);
        link->gone = false;
    }
    change_write(subscription);
    return true;
}

static bool may_attempt(const struct subscription *subscription)
{
    return subscription->attempt_at_ns <= now_of(subscription);
}

/* The wake that is out is told, or told again. */
static bool step_tell(struct subscription *subscription)
{
    if (!is_out(subscription) || subscription->announced)
        return false;
    if (!is_webhook(subscription)) {
        if (subscription->announcing)
            return false; /* the event of the one before comes first */
        subscription->announced = true;
        if (subscription->core.holder[0] == '\0')
            announce(subscription);
        return true;
    }
    if (subscription->pending_count == 0) { /* all is acknowledged meanwhile */
        delivery_stop(subscription);
        core_clear(change_begin(subscription));
        core_delivered(&subscription->change.next);
        change_write(subscription);
        return true;
    }
    if (!may_attempt(subscription) || !slot_take(subscription))
        return false;
    delivery_cancel(&subscription->delivery); /* of a wake that is over */
    subscription->announced = true;
    lease_begin(subscription);
    if (!deliver(subscription)) {
        subscription->has_result = true;
        subscription->took = false;
        slot_give(subscription);
    }
    return true;
}

static bool step_wake(struct subscription *subscription)
{
    unsigned char random[WAKE_ID_RANDOM];
    if (is_out(subscription) || subscription->pending_count == 0)
        return false;
    if (is_webhook(subscription) && (!may_attempt(subscription) || !slot_take(subscription)))
        return false;
    if (!secrets_random(random, sizeof random))
        return false;
    core_wake(change_begin(subscription), random);
    change_write(subscription);
    return true;
}

static bool step(struct subscription *subscription)
{
    if (subscription->busy || subscription->deleted || subscription->all->closing)
        return false;
    if (step_request(subscription))
        return true;
    return subscription->trouble_until_ns <= now_of(subscription) &&
           (step_lease(subscription) || step_result(subscription) || step_gone(subscription) ||
            step_tell(subscription) || step_wake(subscription));
}

/* --- its end --- */

static void timer_ended(struct deadline *deadline)
{
    struct subscription *subscription = hark_container_of(deadline, struct subscription, timer);
    struct subscriptions *all = subscription->all;
    subscription_free(subscription);
    pending_end(&all->pending);
}

static void refuse_all(struct subscription *subscription)
{
    while (!list_empty(&subscription->requests)) {
        struct subscription_request *request =
            hark_container_of(subscription->requests.next, struct subscription_request, place);
        list_remove(&request->place);
        result_refuse(subscription->all, request, 404, "SUBSCRIPTION_NOT_FOUND",
                      "there is no such subscription");
    }
}

void turn_leave(struct subscription *subscription)
{
    refuse_all(subscription);
    list_remove(&subscription->waiting);
    list_remove(&subscription->due);
    delivery_stop(subscription);
    slots_offer(subscription->all);
    while (!list_empty(&subscription->links))
        links_remove(hark_container_of(subscription->links.next, struct subscription_link, place));
    map_remove(&subscription->all->by_id, &subscription->by_id);
    list_remove(&subscription->place);
    pending_begin(&subscription->all->pending);
    deadline_end(&subscription->timer, timer_ended);
}

/* --- turns --- */

/* When it is to be looked at again, if nothing happens before. */
static void timer_set(struct subscription *subscription)
{
    const uint64_t now = now_of(subscription);
    uint64_t at = subscription->lease_at_ns;
    if (subscription->attempt_at_ns > now && subscription->attempt_at_ns < at)
        at = subscription->attempt_at_ns;
    if (subscription->trouble_until_ns > now) /* before that nothing is begun */
        at = subscription->trouble_until_ns;
    if (at == HARK_NEVER)
        deadline_off(&subscription->timer);
    else
        deadline_set(&subscription->timer, at > now ? at - now : 0);
}

void turn_take(struct subscription *subscription)
{
    subscription->wants_slot = false;
    while (step(subscription))
        ;
    if (subscription->busy)
        return;
    if (subscription->deleted) {
        turn_leave(subscription);
        return;
    }
    if (!subscription->wants_slot && !list_empty(&subscription->waiting)) {
        list_remove(&subscription->waiting);
        slots_offer(subscription->all);
    }
    if (subscription->has_slot && !delivery_active(&subscription->delivery))
        slot_give(subscription);
    timer_set(subscription);
}

void turn_create(struct subscription *subscription)
{
    if (!subscription->deleted)
        change_write(subscription);
    subscription_poke(subscription);
}

void turn_begin(struct subscription *subscription)
{
    attempt_wait(subscription);
    subscription->announced = subscription->core.holder[0] != '\0';
    if (is_out(subscription) && subscription->announced)
        lease_begin(subscription);
    subscription_poke(subscription);
}

void turn_wake_stream_made(struct subscription *subscription)
{
    if (subscription->announcing)
        subscription->late_wake_stream = true;
    else if (is_out(subscription) && subscription->core.holder[0] == '\0')
        subscription->announced = false;
    subscription_poke(subscription);
}
