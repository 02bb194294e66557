/* subscription.c - see the header. */
#include "subscriptions/subscription.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

void config_done(struct subscription_config *config)
{
    free(config->pattern);
    free(config->url);
    free(config->wake_stream);
    free(config->description);
    free(config->base);
    *config = (struct subscription_config){0};
}

bool subscription_id_valid(const char *id, size_t count)
{
    static const char bytes[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-:@+";
    return count >= 1 && count <= SUBSCRIPTION_ID_MAX && strspn(id, bytes) >= count;
}

struct subscription *subscription_find(const struct subscriptions *all, const char *id)
{
    struct map_link *at = map_first(&all->by_id, XXH3_64bits(id, strlen(id)));
    for (; at; at = map_next(at)) {
        struct subscription *found = hark_container_of(at, struct subscription, by_id);
        if (strcmp(found->id, id) == 0)
            return found;
    }
    return NULL;
}

static void timer_passed(struct deadline *deadline)
{
    subscription_poke(hark_container_of(deadline, struct subscription, timer));
}

struct subscription *subscription_make(struct subscriptions *all, const char *id,
                                       struct subscription_config *config)
{
    const size_t length = strlen(id);
    struct subscription *made = calloc(1, sizeof *made + length + 1);
    if (!made || map_add(&all->by_id, &made->by_id, XXH3_64bits(id, length)) < 0) {
        free(made);
        config_done(config);
        return NULL;
    }
    made->all = all;
    made->config = *config;
    made->lease_at_ns = HARK_NEVER;
    memcpy(made->id, id, length + 1);
    list_init(&made->waiting);
    list_init(&made->due);
    list_init(&made->links);
    list_init(&made->requests);
    list_append(&all->list, &made->place);
    deadline_init(&made->timer, all->loop, timer_passed);
    return made;
}

void subscription_free(struct subscription *subscription)
{
    check(!subscription->busy && list_empty(&subscription->requests));
    list_remove(&subscription->place);
    list_remove(&subscription->waiting);
    list_remove(&subscription->due);
    config_done(&subscription->config);
    free(subscription->page_bytes);
    free(subscription);
}
