/* away.c - a hub on another thread than the log's: it asks the home, and takes what that tells.
 *
 * Publishes and reads go over with their own memory and come back with the answer. A stream is
 * followed while it has subscribers: its events then come through the feed, in order, and enter the
 * rings as they do at home.
 *
 * What must hold: a subscriber begins only when the home has answered a follow that was asked after
 * it came, so it stands after all that was acknowledged before; what comes for a stream that is not
 * followed, or for one that is being let go, is passed over.
 */
#include "base/check.h"
#include "hub/feed.h"
#include "hub/state.h"

#include <errno.h>
#include <stdlib.h>

int hub_create_away(struct hark_loop *loop, struct hub_feed *feed,
                    const struct hub_options *options, struct hub **out_hub)
{
    int error = hub_create(loop, NULL, options, out_hub);
    if (error == 0) {
        (*out_hub)->home = feed_home(feed);
        (*out_hub)->feed = feed;
    }
    return error;
}

static void send_home(struct hub *hub, struct mail *mail, mail_arrived *arrived)
{
    mail_send(hub->loop, hub->home->mailbox, mail, arrived);
}

/* --- publishing --- */

void hub_away_publish(struct hub_publish *publish, bool deletes)
{
    send_home(publish->stream->hub, &publish->mail, deletes ? hub_home_delete : hub_home_publish);
}

void hub_away_published(struct mail *mail)
{
    struct hub_publish *publish = hark_container_of(mail, struct hub_publish, mail);
    publish->done(publish, publish->result);
}

/* --- reading --- */

void hub_away_read_begin(struct hub_subscriber *subscriber)
{
    send_home(subscriber->hub, &subscriber->mail, hub_home_read);
}

void hub_away_read(struct mail *mail)
{
    struct hub_subscriber *subscriber = hark_container_of(mail, struct hub_subscriber, mail);
    hub_catch_up_read(subscriber, subscriber->read_result);
}

/* --- following --- */

static uint32_t subscribers_of(const struct hub_stream *stream)
{
    uint32_t count = 0;
    for (int i = 0; i < HUB_ENCODINGS; i++)
        count += stream->subscribers[i];
    return count;
}

static struct hub_interest *interest_create(struct hub_stream *stream)
{
    struct hub_interest *interest = calloc(1, sizeof *interest);
    if (!interest)
        return NULL;
    interest->stream = stream;
    stream->interest = interest;
    stream->handles++;
    stream->hub->interests++;
    return interest;
}

static void interest_destroy(struct hub_interest *interest)
{
    struct hub_stream *stream = interest->stream;
    struct hub *hub = stream->hub;
    stream->interest = NULL;
    stream->life = 0;
    free(interest);
    hub_stream_close(stream);
    hub->interests--;
    hub_close_check(hub);
}

/* Sends the mail, where it is here and there is something to ask, or nobody left to follow for. */
static void interest_go_on(struct hub_interest *interest)
{
    struct hub *hub = interest->stream->hub;
    if (interest->travelling)
        return;
    if (interest->wanted) {
        interest->asked = interest->wanted;
        interest->wanted = NULL;
        interest->travelling = true;
        send_home(hub, &interest->mail, hub_home_follow);
    } else if (interest->follows == 0 && subscribers_of(interest->stream) == 0) {
        interest->followed = false;
        interest->travelling = true;
        send_home(hub, &interest->mail, hub_home_unfollow);
    }
}

void hub_away_unfollowed(struct mail *mail)
{
    struct hub_interest *interest = hark_container_of(mail, struct hub_interest, mail);
    interest->travelling = false;
    if (interest->wanted)
        interest_go_on(interest);
    else
        interest_destroy(interest);
}

int hub_follow(struct hub_stream *stream, struct hub_follow *follow, hub_followed *done)
{
    struct hub_interest *interest = stream->interest;
    if (!stream->hub->home)
        return 1;
    if (!interest)
        interest = interest_create(stream);
    if (!interest)
        return -ENOMEM;
    follow->done = done;
    follow->next = interest->wanted;
    interest->wanted = follow;
    interest->follows++;
    interest_go_on(interest);
    return 0;
}

/* Each of those that were asked for: the oldest last, which nobody minds. */
static void answer_follows(struct hub_interest *interest, int error)
{
    struct hub_follow *follow = interest->asked;
    interest->asked = NULL;
    interest->travelling = false;
    interest->followed = error == 0;
    while (follow) {
        struct hub_follow *next = follow->next;
        follow->done(follow, error); /* may be gone afterwards */
        interest->follows--;
        follow = next;
    }
    interest_go_on(interest);
}

void hub_away_subscribers(struct hub_stream *stream)
{
    struct hub_interest *interest = stream->interest;
    check(interest);
    atomic_store_explicit(&interest->subscribers, subscribers_of(stream), memory_order_relaxed);
    interest_go_on(interest);
}

/* --- what the feed brings --- */

/* The stream is another one now, or events were left out: the rings hold what comes after
 * `newest`. */
static void take_state(struct hub_stream *stream, uint64_t number, uint64_t newest)
{
    if (number != stream->life)
        hub_stream_begin_life(stream, number, newest);
    else if (newest > stream->newest)
        hub_stream_skip(stream, newest);
    stream->newest = newest;
}

void hub_away_take(const struct feed_entry *entry, const void *bytes)
{
    struct hub_interest *interest = entry->interest;
    struct hub_stream *stream = interest->stream;
    if (entry->event) {
        if (interest->followed && (entry->number != stream->life || entry->id > stream->newest)) {
            hub_stream_take(stream, entry->number, entry->id, bytes, entry->count);
            stream->newest = entry->id;
        }
        return;
    }
    if (interest->followed || (entry->answers && entry->error == 0))
        take_state(stream, entry->number, entry->id);
    if (entry->answers)
        answer_follows(interest, entry->error);
}

/* --- the end --- */

void hub_away_left(struct mail *mail)
{
    struct hub *hub = hark_container_of(mail, struct hub, leave);
    hub->left = true;
    hub_close_check(hub);
}

void hub_away_leave(struct hub *hub)
{
    if (hub->leaving)
        return;
    hub->leaving = true;
    send_home(hub, &hub->leave, hub_home_leave);
}
