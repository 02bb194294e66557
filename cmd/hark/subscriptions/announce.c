/* announce.c - see the header. The append stands for itself: the subscription may be gone when it
 * is answered. */
#include "subscriptions/announce.h"

#include "broker/publish.h"
#include "broker/stream.h"
#include "durable/facts.h"
#include "subscriptions/body.h"
#include "subscriptions/links.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t AGAIN_NS = 1000000000;

struct announcement {
    struct broker_publish publish;
    struct subscriptions *all;
    struct broker_stream *stream; /* a handle */
    struct text text;
    uint64_t generation;
    char id[SUBSCRIPTION_ID_MAX + 1];
};

/* It is tried again in a while, if the wake is still out. */
static void again(struct subscription *subscription, uint64_t wait_ns)
{
    subscription->announced = false;
    subscription->trouble_until_ns = hark_now(subscription->all->loop) + wait_ns;
    subscription_poke(subscription);
}

/* Where there is no stream to append to, it waits for one to be made. */
static void ended(struct subscription *subscription, int64_t result, bool current)
{
    const bool waits = result == -ENOENT || result == -EPIPE;
    const bool made = subscription->late_wake_stream;
    subscription->announcing = false;
    subscription->late_wake_stream = false;
    if (!current || (result < 0 && waits && made))
        again(subscription, 0);
    else if (result < 0 && !waits)
        again(subscription, AGAIN_NS);
}

static void published(struct broker_publish *publish, int64_t id)
{
    struct announcement *own = hark_container_of(publish, struct announcement, publish);
    struct subscriptions *all = own->all;
    struct subscription *subscription = subscription_find(all, own->id);
    if (subscription && subscription->announcing)
        ended(subscription, id, subscription->core.generation == own->generation);
    broker_stream_close(own->stream);
    text_done(&own->text);
    free(own);
    pending_end(&all->pending);
}

/* Nobody but the application makes a wake stream. */
static int decide(struct log_append *request, const struct log_stream *stream)
{
    const struct durable_facts facts = durable_facts_of(stream);
    if (!facts.exists || facts.deleted || facts.expires_ns <= log_now_ns(request->log))
        return -ENOENT;
    return facts.closed ? -EPIPE : 0;
}

static const char *first_pending(const struct subscription *subscription)
{
    for (struct list *at = subscription->links.next; at != &subscription->links; at = at->next) {
        const struct subscription_link *link =
            hark_container_of(at, struct subscription_link, place);
        if (link_is_pending(link))
            return link->path;
    }
    return NULL;
}

void announce(struct subscription *subscription)
{
    struct subscriptions *all = subscription->all;
    const char *name = subscription->config.wake_stream;
    const char *path = first_pending(subscription);
    struct announcement *own = path ? calloc(1, sizeof *own) : NULL;
    if (own)
        body_event(&own->text, subscription, path, hark_os_wall_clock(all->loop));
    if (!own || own->text.failed ||
        broker_stream_open(all->broker, name, strlen(name), &own->stream) < 0) {
        if (own)
            text_done(&own->text);
        free(own);
        if (path)
            again(subscription, AGAIN_NS);
        return;
    }
    own->all = all;
    own->generation = subscription->core.generation;
    memcpy(own->id, subscription->id, strlen(subscription->id) + 1);
    subscription->announcing = true;
    pending_begin(&all->pending);
    broker_publish_decided(own->stream, &own->publish, LOG_EVENT, own->text.bytes, own->text.count,
                           decide, published);
}
