/* test_links.c - the streams of subscriptions, and how far each is acknowledged. */
#include "harness/harness.h"

#include "subscriptions/links.h"
#include "subscriptions/subscription.h"

#include <string.h>

static void poked(struct subscriptions *all)
{
    (void)all;
}

static struct subscriptions all;

static struct subscription *make(const char *id)
{
    struct subscription_config config = {0};
    if (!all.poked) {
        list_init(&all.list);
        list_init(&all.due);
        all.poked = poked;
    }
    struct subscription *made = subscription_make(&all, id, &config);
    assert_non_null(made);
    return made;
}

static void drop(struct subscription *subscription)
{
    while (!list_empty(&subscription->links))
        links_remove(hark_container_of(subscription->links.next, struct subscription_link, place));
    map_remove(&all.by_id, &subscription->by_id);
    subscription_free(subscription);
}

static void done(void)
{
    assert_int_equal(all.link_count, 0);
    map_done(&all.by_id);
    map_done(&all.links);
}

TEST(what_is_pending_is_counted_as_it_changes)
{
    struct subscription *subscription = make("s");
    struct subscription_link *link = links_add(subscription, "a", LINK_GLOB, 5, 5);
    struct subscription_link *other = links_add(subscription, "b", LINK_GLOB, 5, 9);
    assert_int_equal(subscription->pending_count, 1);
    links_set(link, LINK_GLOB, 5, 6);
    assert_int_equal(subscription->pending_count, 2);
    links_set(link, LINK_GLOB, 6, 6);
    links_set(other, 0, 5, 9); /* it counts for nothing */
    assert_int_equal(subscription->pending_count, 0);
    links_set(other, LINK_EXPLICIT, 5, 9);
    links_remove(other);
    assert_int_equal(subscription->pending_count, 0);
    assert_int_equal(subscription->link_count, 1);
    drop(subscription);
    done();
}

TEST(links_of_one_stream_are_found_each_for_its_subscription)
{
    struct subscription *one = make("one"), *two = make("two");
    struct subscription_link *first = links_add(one, "a/b", LINK_GLOB, 1, 1);
    struct subscription_link *second = links_add(two, "a/b", LINK_GLOB, 1, 1);
    links_add(two, "a", LINK_GLOB, 1, 1);
    assert_ptr_equal(links_of(one, "a/b"), first);
    assert_ptr_equal(links_of(two, "a/b"), second);
    assert_null(links_of(one, "a"));
    unsigned found = 0;
    for (struct subscription_link *at = links_first(&all, "a/b"); at; at = links_next(at))
        found++;
    assert_int_equal(found, 2);
    assert_ptr_equal(subscription_find(&all, "one"), one);
    assert_null(subscription_find(&all, "three"));
    drop(one);
    drop(two);
    done();
}

TEST(an_update_is_so_when_it_is_written_and_not_before)
{
    struct subscription *subscription = make("s");
    struct subscription_link *link = links_add(subscription, "a", LINK_GLOB, 5, 9);
    links_update(subscription, link, LINK_GLOB, 8);
    links_update(subscription, link, LINK_GLOB | LINK_EXPLICIT, 7); /* takes nothing back */
    assert_int_equal(subscription->change.count, 1);
    assert_int_equal(link->acked, 5);
    links_apply(subscription, false);
    assert_int_equal(link->acked, 5);
    links_update(subscription, link, LINK_GLOB, 8);
    links_update(subscription, link, LINK_GLOB | LINK_EXPLICIT, 7);
    links_apply(subscription, true);
    assert_int_equal(link->acked, 8);
    assert_int_equal(link->types, LINK_GLOB | LINK_EXPLICIT);
    assert_int_equal(subscription->pending_count, 1);
    links_update(subscription, link, LINK_GLOB, 9);
    links_apply(subscription, true);
    assert_int_equal(subscription->pending_count, 0);
    drop(subscription);
    done();
}

TEST(a_link_that_was_not_written_is_none_and_one_that_goes_is_gone)
{
    struct subscription *subscription = make("s");
    struct subscription_link *link = links_add(subscription, "new", 0, 0, 9);
    assert_int_equal(subscription->pending_count, 0);
    links_update(subscription, link, LINK_EXPLICIT, 0);
    links_apply(subscription, false);
    assert_null(links_of(subscription, "new"));
    link = links_add(subscription, "new", 0, 0, 9);
    links_update(subscription, link, LINK_EXPLICIT, 0);
    links_apply(subscription, true);
    assert_int_equal(subscription->pending_count, 1);
    links_update(subscription, link, 0, 0);
    links_apply(subscription, true);
    assert_null(links_of(subscription, "new"));
    assert_int_equal(subscription->pending_count, 0);
    drop(subscription);
    done();
}

TEST(ids_need_no_escape_anywhere)
{
    static const char *const wrong[] = {"", "a/b", "a b", "a\"b", "a%20", "\xc3\xa9", "a?"};
    char text[98];
    memset(text, 'x', 97);
    text[97] = '\0';
    assert_true(subscription_id_valid("sub-1_2.3~4:5@6+7", 17));
    assert_true(subscription_id_valid(text, 96));
    assert_false(subscription_id_valid(text, 97));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(subscription_id_valid(wrong[i], strlen(wrong[i])));
}
