/* links.c - see the header. What must hold: pending_count is the number of links for which
 * link_is_pending holds. */
#include "subscriptions/links.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static struct subscription_link *link_of(struct map_link *at)
{
    return hark_container_of(at, struct subscription_link, by_name);
}

/* That one, or one behind it, which is to that stream. */
static struct subscription_link *same_path(struct map_link *at, const char *path)
{
    while (at && strcmp(link_of(at)->path, path) != 0)
        at = map_next(at);
    return at ? link_of(at) : NULL;
}

struct subscription_link *links_first(const struct subscriptions *all, const char *path)
{
    return same_path(map_first(&all->links, XXH3_64bits(path, strlen(path))), path);
}

struct subscription_link *links_next(const struct subscription_link *link)
{
    return same_path(map_next(&link->by_name), link->path);
}

struct subscription_link *links_of(const struct subscription *subscription, const char *path)
{
    struct subscription_link *link = links_first(subscription->all, path);
    while (link && link->subscription != subscription)
        link = links_next(link);
    return link;
}

struct subscription_link *links_add(struct subscription *subscription, const char *path,
                                    uint8_t types, uint64_t acked, uint64_t tail)
{
    struct subscriptions *all = subscription->all;
    const size_t length = strlen(path);
    if (subscription->link_count >= SUBSCRIPTION_LINKS_MAX ||
        all->link_count >= SUBSCRIPTIONS_LINKS_MAX)
        return NULL;
    struct subscription_link *link = calloc(1, sizeof *link + length + 1);
    if (!link)
        return NULL;
    link->subscription = subscription;
    link->page = -1;
    memcpy(link->path, path, length + 1);
    if (map_add(&all->links, &link->by_name, XXH3_64bits(path, length)) < 0) {
        free(link);
        return NULL;
    }
    list_append(&subscription->links, &link->place);
    subscription->link_count++;
    all->link_count++;
    links_set(link, types, acked, tail);
    return link;
}

void links_remove(struct subscription_link *link)
{
    struct subscription *subscription = link->subscription;
    subscription->pending_count -= link_is_pending(link);
    subscription->link_count--;
    subscription->all->link_count--;
    list_remove(&link->place);
    map_remove(&subscription->all->links, &link->by_name);
    free(link);
}

void links_set(struct subscription_link *link, uint8_t types, uint64_t acked, uint64_t tail)
{
    link->subscription->pending_count -= link_is_pending(link);
    link->types = types;
    link->acked = acked;
    link->tail = tail;
    link->subscription->pending_count += link_is_pending(link);
}

void links_update(struct subscription *subscription, struct subscription_link *link, uint8_t types,
                  uint64_t acked)
{
    struct subscription_change *change = &subscription->change;
    struct link_update *made = NULL;
    if (link->update > 0 && link->update <= change->count)
        made = change->updates + link->update - 1;
    if (made && made->link == link) { /* of two the later counts, but it takes nothing back */
        made->types = types;
        made->acked = acked > made->acked ? acked : made->acked;
        return;
    }
    if (!change->updates || change->count == change->room) {
        const size_t room = change->room == 0 ? 16 : 2 * change->room;
        struct link_update *updates = reallocarray(change->updates, room, sizeof *updates);
        if (!updates) {
            change->failed = true;
            return;
        }
        change->updates = updates;
        change->room = room;
    }
    change->updates[change->count++] =
        (struct link_update){.link = link, .acked = acked, .types = types};
    link->update = change->count;
}

void links_apply(struct subscription *subscription, bool written)
{
    struct subscription_change *change = &subscription->change;
    if (!change->updates)
        return;
    const struct link_update *end = change->updates + change->count;
    for (const struct link_update *update = change->updates; update < end; update++) {
        struct subscription_link *link = update->link;
        if (!written ? link->types == 0 : update->types == 0)
            links_remove(link);
        else if (written)
            links_set(link, update->types, update->acked, link->tail);
    }
    free(change->updates);
    change->updates = NULL;
    change->count = 0;
    change->room = 0;
}
