/* home.c - what the hub that has the log does for those on other threads: it appends, deletes and
 * reads for them, and knows which streams they follow.
 *
 * All of it runs on the home's thread. Of the other hub's memory it touches what came with the
 * mail, and names and hubs of streams, which do not change.
 */
#include "base/check.h"
#include "hub/feed.h"
#include "hub/state.h"

#include <errno.h>

/* --- publishing --- */

static void answer(struct hub_publish *publish, int64_t result)
{
    publish->result = result;
    feed_mail(publish->stream->hub->feed, &publish->mail, hub_away_published);
}

/* The home's own stream of that name. It is not opened before the log is asked: an error here would
 * be an answer that overtakes those before it. Gives: NULL: no memory. Then there was none, so
 * nobody reads it or follows it, and nobody has to be told. */
static struct hub_stream *own_stream(const struct hub_publish *publish)
{
    const struct hub_stream *stream = publish->stream;
    struct hub_stream *own = NULL;
    hub_stream_open(stream->hub->home, stream->name, stream->name_length, &own);
    return own;
}

static void appended(struct log_append *append, int64_t result)
{
    struct hub_publish *publish = hark_container_of(append, struct hub_publish, append);
    struct hub_stream *own = own_stream(publish);
    hub_stream_appended(publish->stream->hub->home, own, append, result);
    answer(publish, result);
    hub_stream_close(own);
}

static void deleted(struct log_append *append, int64_t result)
{
    struct hub_publish *publish = hark_container_of(append, struct hub_publish, append);
    struct hub_stream *own = own_stream(publish);
    hub_stream_deleted(own, result);
    answer(publish, result);
    hub_stream_close(own);
}

void hub_home_publish(struct mail *mail)
{
    struct hub_publish *publish = hark_container_of(mail, struct hub_publish, mail);
    publish->append.done = appended;
    log_append(publish->stream->hub->home->log, &publish->append);
}

void hub_home_delete(struct mail *mail)
{
    struct hub_publish *publish = hark_container_of(mail, struct hub_publish, mail);
    publish->append.done = deleted;
    log_delete(publish->stream->hub->home->log, &publish->append);
}

/* --- following --- */

static void link_interest(struct hub_interest *interest)
{
    struct hub_stream *stream = interest->home_stream;
    interest->next = stream->interests;
    stream->interests = interest;
}

static void unlink_interest(struct hub_interest *interest)
{
    struct hub_interest **link = &interest->home_stream->interests;
    while (*link != interest)
        link = &(*link)->next;
    *link = interest->next;
}

void hub_home_follow(struct mail *mail)
{
    struct hub_interest *interest = hark_container_of(mail, struct hub_interest, mail);
    const struct hub_stream *stream = interest->stream;
    interest->error = 0;
    if (!interest->feed) {
        interest->feed = stream->hub->feed;
        list_init(&interest->due);
    }
    if (!interest->home_stream) {
        interest->error = hub_stream_open(stream->hub->home, stream->name, stream->name_length,
                                          &interest->home_stream);
        if (interest->error == 0)
            link_interest(interest);
    }
    interest->answers = true;
    feed_state(interest);
}

void hub_home_unfollow(struct mail *mail)
{
    struct hub_interest *interest = hark_container_of(mail, struct hub_interest, mail);
    struct hub_stream *stream = interest->home_stream;
    check(!interest->answers);
    if (stream) {
        unlink_interest(interest);
        interest->home_stream = NULL;
        hub_stream_close(stream);
    }
    feed_forget(interest);
    feed_mail(interest->feed, mail, hub_away_unfollowed);
}

/* --- reading --- */

static void read_done(struct log_cursor *cursor, int64_t result)
{
    struct hub_subscriber *subscriber = hark_container_of(cursor, struct hub_subscriber, cursor);
    subscriber->read_result = result;
    feed_mail(subscriber->hub->feed, &subscriber->mail, hub_away_read);
}

void hub_home_read(struct mail *mail)
{
    struct hub_subscriber *subscriber = hark_container_of(mail, struct hub_subscriber, mail);
    log_read(subscriber->hub->home->log, &subscriber->cursor, subscriber->buffer,
             subscriber->capacity, read_done);
}

/* --- hubs that come and go --- */

int hub_lend(struct hub *home, struct mailbox *to, struct hub_feed **out_feed)
{
    struct hub_feed *feed = feed_create(home, to);
    if (!feed)
        return -ENOMEM;
    *out_feed = feed;
    return 0;
}

void hub_lend_not(struct hub_feed *feed)
{
    struct hub *home = feed_home(feed);
    feed_destroy(feed);
    hub_close_check(home);
}

void hub_home_leave(struct mail *mail)
{
    struct hub *away = hark_container_of(mail, struct hub, leave);
    feed_end(away->feed, mail, hub_away_left);
}
